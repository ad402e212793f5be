"""Text2text generation: an encoder-decoder model answers whatever it was trained to be asked, from text to text."""

from __future__ import annotations

from backend.tasks.base import Example
from backend.tasks.writing import Writing


class Text2TextGeneration(Writing):
    """A text in, a text out; what is asked for stands in the text itself."""

    name = "text2text-generation"
    examples = (
        # What T5 and Flan-T5 were trained on, by the words in front.
        Example(
            "en", {"text": "question: What is 42? context: 42 is the answer to life, the universe and everything."}
        ),
        Example("en", {"text": "cola sentence: The course is jumping well."}),
        Example(
            "en", {"text": "Answer step by step: Anna has 3 apples and buys 2 bags of 4 apples. How many has she?"}
        ),
        Example("zh-CN", {"text": "问题：中国的首都是哪里？ 回答："}),
        Example("zh-CN", {"text": "把下面的句子改写得更礼貌：快把文件发给我。"}),
        Example("zh-CN", {"text": "translate English to German: The house is wonderful."}),
    )
