"""Every vendor. A new one: a file and a line."""

from .anthropic import Anthropic
from .bedrock import Bedrock
from .gemini import Gemini
from .openai import OpenAi

VENDORS = [OpenAi(), Anthropic(), Gemini(), Bedrock()]
