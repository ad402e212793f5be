"""Summarization: an encoder-decoder model writes a short text of a long one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.tasks.base import Example
from backend.tasks.writing import Writing

if TYPE_CHECKING:
    from backend.models import ModelFacts

# These only translate.
_TRANSLATORS = ("Marian", "FSMT", "M2M100", "NllbMoe")
_COURSE = (
    "America has changed dramatically during recent years. Not only has the number of graduates in traditional "
    "engineering disciplines such as mechanical, civil, electrical, chemical, and aeronautical engineering declined, "
    "but in most of the premier American universities engineering curricula now concentrate on and encourage largely "
    "the study of engineering science. As a result, there are declining offerings in engineering subjects dealing "
    "with infrastructure, the environment, and related issues, and greater concentration on high technology subjects, "
    "largely supporting increasingly complex scientific developments. While the latter is important, it should not be "
    "at the expense of more traditional engineering. Rapidly developing economies such as China and India, as well as "
    "other industrial countries in Europe and Asia, continue to encourage and advance the teaching of engineering. "
    "Both China and India, respectively, graduate six and eight times as many traditional engineers as does the "
    "United States. Other industrial countries at minimum maintain their output, while America suffers an increasingly "
    "serious decline in the number of engineering graduates and a lack of well-educated engineers."
)
_REVIEW = (
    "I bought this kettle three months ago to replace one that had lasted ten years. It boils a full litre in under "
    "three minutes and is much quieter than I expected. The handle stays cool and the lid opens wide enough to clean. "
    "My only complaint is the lamp, which is so bright that I cover it with tape at night. For the price I would buy "
    "it again, though perhaps in another colour."
)
_NEWS = (
    "本市地铁十二号线昨天正式开通运营，全长四十一公里，设车站三十二座，连接城北的大学城和城南的高铁站。首日客流超过二十六万人次，"
    "早高峰期间列车最小间隔为两分三十秒。地铁公司表示，新线将使从大学城到高铁站的时间由原来的七十分钟缩短到四十五分钟。"
    "部分乘客反映换乘通道较长、指示牌不够清楚，公司称将在一个月内增设标识，并考虑延长周末的末班车时间。"
)
_CHINESE_REVIEW = (
    "这款耳机我用了两个月。音质在这个价位里算很好，低音有力但不轰头，通话时对方也听得清楚。续航大约六个小时，充电盒还能再充三次。"
    "缺点是戴久了耳朵会疼，运动时容易松动，而且降噪在地铁里作用不大。如果主要在办公室或家里听，我觉得值得买。"
)


class Summarization(Writing):
    """A long text in, a short one out."""

    name = "summarization"
    examples = (
        # The course's own, of its first chapter.
        Example("en", {"text": _COURSE}, course="tasks"),
        Example("en", {"text": _REVIEW}),
        Example("zh-CN", {"text": _NEWS}),
        Example("zh-CN", {"text": _CHINESE_REVIEW}),
    )

    def fits(self, facts: ModelFacts) -> bool:
        """One that writes, and not in another language."""
        return super().fits(facts) and not facts.architecture.startswith(_TRANSLATORS)
