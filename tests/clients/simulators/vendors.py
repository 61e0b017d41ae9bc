"""Every vendor. A new one: a file and a line."""

from .anthropic import Anthropic
from .bedrock import Bedrock
from .cohere import Cohere
from .gemini import Gemini
from .ollama import Ollama
from .openai import OpenAi

VENDORS = [OpenAi(), Anthropic(), Gemini(), Bedrock(), Cohere(), Ollama()]
