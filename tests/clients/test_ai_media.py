"""Images, sound and moderations with the official Python package, before a strict simulator of the vendor."""

import io

import openai
import pytest
from simulators.openai_media import SAID, SOUND

SCREEN = ("a.png", io.BytesIO(b"\x89PNG\r\n\x1a\n").getvalue(), "image/png")
VOICE = ("naïve \"1\".wav", b"RIFF\r\n--\r\n-", "audio/wav")


@pytest.fixture()
def client(ai_gateway, issuers, simulated):
    simulated.take()
    yield openai.OpenAI(base_url=ai_gateway.url + "/openai/v1", api_key=issuers.token("ES256", sub="ada"), max_retries=0)
    taken = simulated.take()
    assert not [problem for one in taken for problem in one["problems"]]


def test_images(client):
    made = client.images.generate(model="painter", prompt="a cat", n=2, size="1024x1024")
    assert len(made.data) == 2 and made.usage.output_tokens == 60
    assert client.images.edit(model="painter", prompt="a dog", image=SCREEN).data[0].b64_json == "AAAA"
    assert client.images.edit(model="painter", prompt="both", image=[SCREEN, SCREEN], mask=SCREEN).data[0].b64_json == "AAAA"
    assert client.images.create_variation(model="painter", image=SCREEN).data[0].b64_json == "AAAA"


def test_a_stream_of_images(client):
    kinds = [event.type for event in client.images.generate(model="painter", prompt="a cat", stream=True, partial_images=1)]
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]


def test_recordings(client):
    heard = client.audio.transcriptions.create(model="listener", file=VOICE, language="en", timestamp_granularities=["word", "segment"])
    assert heard.text == SAID and heard.usage.total_tokens == 20
    assert client.audio.transcriptions.create(model="listener", file=VOICE, response_format="text").strip() == SAID
    assert client.audio.translations.create(model="listener", file=VOICE).text == SAID
    events = list(client.audio.transcriptions.create(model="listener", file=VOICE, stream=True))
    assert "".join(event.delta for event in events[:-1]) == events[-1].text == SAID


def test_speech(client):
    assert client.audio.speech.create(model="speaker", voice="alloy", input="hello").content == SOUND
    with client.audio.speech.with_streaming_response.create(model="speaker", voice="alloy", input="hello") as spoken:
        assert b"".join(spoken.iter_bytes()) == SOUND


def test_moderations(client):
    judged = client.moderations.create(model="judge", input="hello")
    assert judged.results[0].flagged and judged.results[0].categories.violence


def test_errors_keep_what_they_are(client):
    for call in (lambda text: client.images.generate(model="painter", prompt=text), lambda text: client.audio.speech.create(model="speaker", voice="alloy", input=text), lambda text: client.moderations.create(model="judge", input=text)):
        for mark, kind, status in (("429", openai.RateLimitError, 429), ("500", openai.InternalServerError, 500), ("denied", openai.InternalServerError, 502)):
            with pytest.raises(kind) as refused:
                call(f"[[{mark}]]")
            assert refused.value.status_code == status and "sk-of-the-gateway" not in str(refused.value)
            assert mark != "429" or refused.value.response.headers["retry-after"] == "7"


def test_a_model_is_named_and_granted(client):
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(prompt="a cat")
    assert refused.value.param == "model"
    # Of moderations, the one that the caller may use.
    assert client.moderations.create(input="hello").model == "omni-moderation-latest"
    for call in (lambda: client.images.generate(model="dall-e-3", prompt="a cat"), lambda: client.audio.transcriptions.create(model="whisper-1", file=VOICE)):
        with pytest.raises(openai.NotFoundError) as refused:
            call()
        assert refused.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(model="via-anthropic", prompt="a cat")
    assert "does not serve" in refused.value.message
