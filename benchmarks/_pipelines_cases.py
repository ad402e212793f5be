"""What the pipelines are asked in both versions: plain data, and nothing imported.

A case is (name, options of `pipeline`, arguments, keyword arguments). A seed in the keywords is set before the call.
"""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

from typing import Any

Case = tuple[str, dict[str, Any], list[Any], dict[str, Any]]

SHORT = "Ada built the stone bridge in Vienna. Bruno wrote the music in Prague, not in Vienna."
LONG = " ".join(
    f"In year {1800 + i} the {kind} train went from {a} to {b} by the {color} river, and {who} wrote book {i}."
    for i, (kind, a, b, color, who) in enumerate(
        [
            ("first", "Vienna", "Prague", "blue", "Ada"),
            ("second", "Prague", "Vienna", "green", "Bruno"),
            ("third", "north city", "south city", "deep", "the king"),
            ("long", "old market", "new market", "long", "the queen"),
            ("new", "stone bridge", "water engine", "old", "Ada"),
        ]
        * 2
    )
)
ODD = "  Two  spaces,\ta tab\nand a new line: don't (stop) 3.14 — naïve café, 北京的桥 and zzzqx.  "
QUESTIONS = ["Who built the bridge?", "Where was the music written?", "What did Bruno write in Prague?"]

GENERATOR = "generator"
"""As the first argument: the second comes as a generator."""

QA: list[Case] = [
    ("keywords", {}, [], {"question": QUESTIONS[0], "context": SHORT}),
    ("positional", {}, [QUESTIONS[0], SHORT], {}),
    ("dict", {}, [{"question": QUESTIONS[1], "context": SHORT}], {}),
    ("list of one dict", {}, [[{"question": QUESTIONS[1], "context": SHORT}]], {}),
    ("list of dicts", {}, [[{"question": q, "context": SHORT} for q in QUESTIONS]], {}),
    ("dicts as arguments", {}, [{"question": q, "context": SHORT} for q in QUESTIONS], {}),
    ("dict of lists", {}, [{"question": QUESTIONS, "context": [SHORT, LONG, SHORT]}], {}),
    ("questions, one context", {}, [], {"question": QUESTIONS, "context": LONG}),
    ("questions, contexts", {}, [], {"question": QUESTIONS, "context": [SHORT, LONG, ODD]}),
    ("data", {}, [], {"data": [{"question": q, "context": SHORT} for q in QUESTIONS]}),
    ("X", {}, [], {"X": {"question": QUESTIONS[0], "context": SHORT}}),
    ("generator", {}, [GENERATOR, [{"question": q, "context": LONG} for q in QUESTIONS]], {}),
    ("generator, batches", {}, [GENERATOR, [{"question": q, "context": LONG} for q in QUESTIONS]], {"batch_size": 4}),
    ("no question at all", {}, [], {"question": [], "context": SHORT}),
    ("batches of 2", {}, [], {"question": QUESTIONS, "context": [SHORT, LONG, ODD], "batch_size": 2, "max_seq_len": 60}),
    ("batches of 8", {"batch_size": 8}, [], {"question": QUESTIONS, "context": [SHORT, LONG, ODD], "max_seq_len": 50}),
    ("batches, stride, top 3", {}, [], {"question": QUESTIONS, "context": LONG, "batch_size": 3, "max_seq_len": 64,
                                        "doc_stride": 16, "top_k": 3}),
    ("odd text", {}, [], {"question": "What about  café?", "context": ODD}),
    ("odd text, top 20", {}, [], {"question": "What about  café?", "context": ODD, "top_k": 20}),
    ("one word", {}, [], {"question": "Who?", "context": "Ada"}),
    ("one word, top 5", {}, [], {"question": "Who?", "context": "Ada", "top_k": 5}),
    ("one character", {}, [], {"question": "?", "context": "."}),
    ("spaces as context", {}, [], {"question": "Who?", "context": "   "}),
    ("spaces as question", {}, [], {"question": "  ", "context": SHORT}),
    ("special tokens in the text", {}, [], {"question": "[CLS] who </s>?", "context": "Ada [SEP] built <s> [MASK] it."}),
    ("long", {}, [], {"question": QUESTIONS[0], "context": LONG}),
    ("longer than the model", {}, [], {"question": QUESTIONS[0], "context": LONG * 4, "top_k": 4}),
    ("window of 40", {}, [], {"question": QUESTIONS[0], "context": LONG, "max_seq_len": 40}),
    ("window of 40, stride 5", {}, [], {"question": QUESTIONS[2], "context": LONG, "max_seq_len": 40, "doc_stride": 5}),
    ("window of 60, stride 0", {}, [], {"question": QUESTIONS[2], "context": LONG, "max_seq_len": 60, "doc_stride": 0}),
    ("window at init", {"max_seq_len": 64, "doc_stride": 12, "top_k": 2}, [], {"question": QUESTIONS, "context": LONG}),
    ("stride over window", {}, [], {"question": QUESTIONS[0], "context": LONG, "max_seq_len": 40, "doc_stride": 41}),
    ("question over window", {}, [], {"question": LONG, "context": SHORT, "max_seq_len": 40}),
    ("stride over room", {}, [], {"question": QUESTIONS[0], "context": LONG, "max_seq_len": 40, "doc_stride": 39}),
    ("top 3", {}, [], {"question": QUESTIONS[0], "context": SHORT, "top_k": 3}),
    ("top 50", {}, [], {"question": QUESTIONS[0], "context": SHORT, "top_k": 50}),
    ("top 1000", {}, [], {"question": QUESTIONS[0], "context": "Ada built it.", "top_k": 1000}),
    ("topk", {}, [], {"question": QUESTIONS[0], "context": SHORT, "topk": 2}),
    ("topk at init", {"topk": 2}, [], {"question": QUESTIONS[0], "context": SHORT}),
    ("top 0", {}, [], {"question": QUESTIONS[0], "context": SHORT, "top_k": 0}),
    ("impossible", {}, [], {"question": QUESTIONS[0], "context": SHORT, "handle_impossible_answer": True}),
    ("impossible, top 4", {}, [], {"question": QUESTIONS[1], "context": LONG, "handle_impossible_answer": True,
                                   "top_k": 4, "max_seq_len": 64}),
    ("impossible, batches", {}, [], {"question": QUESTIONS, "context": LONG, "handle_impossible_answer": True,
                                     "top_k": 12, "batch_size": 4, "max_seq_len": 64}),
    ("answer of 1 token", {}, [], {"question": QUESTIONS[0], "context": SHORT, "max_answer_len": 1, "top_k": 3}),
    ("answer of 40 tokens", {}, [], {"question": QUESTIONS[0], "context": LONG, "max_answer_len": 40, "top_k": 3}),
    ("answer of 0 tokens", {}, [], {"question": QUESTIONS[0], "context": SHORT, "max_answer_len": 0}),
    ("question cut", {}, [], {"question": " ".join(QUESTIONS * 2), "context": SHORT, "max_question_len": 4}),
    ("not aligned", {}, [], {"question": QUESTIONS[0], "context": SHORT, "align_to_words": False}),
    ("not aligned, top 6", {}, [], {"question": QUESTIONS[0], "context": ODD, "align_to_words": False, "top_k": 6}),
    ("padding to 128", {}, [], {"question": QUESTIONS[0], "context": SHORT, "padding": "max_length", "max_seq_len": 128,
                                "top_k": 3}),
    ("padding, long", {}, [], {"question": QUESTIONS[0], "context": LONG, "padding": True, "max_seq_len": 80, "top_k": 3}),
    ("padding, batches", {}, [], {"question": QUESTIONS, "context": LONG, "padding": "max_length", "max_seq_len": 80,
                                  "batch_size": 4}),
    ("unknown argument", {}, [], {"question": QUESTIONS[0], "context": SHORT, "nonsense": 1}),
    ("nothing", {}, [], {}),
    ("no context", {}, [], {"question": QUESTIONS[0]}),
    ("no question", {}, [], {"context": SHORT}),
    ("empty question", {}, [], {"question": "", "context": SHORT}),
    ("empty context", {}, [], {"question": QUESTIONS[0], "context": ""}),
    ("context None", {}, [], {"question": QUESTIONS[0], "context": None}),
    ("question None in a dict", {}, [{"question": None, "context": SHORT}], {}),
    ("dict without context", {}, [{"question": QUESTIONS[0]}], {}),
    ("dict with more", {}, [{"question": QUESTIONS[0], "context": SHORT, "id": 3}], {}),
    ("one empty among many", {}, [], {"question": QUESTIONS, "context": [SHORT, "", SHORT]}),
    ("unequal lists", {}, [], {"question": QUESTIONS, "context": [SHORT]}),
    ("question, contexts", {}, [], {"question": QUESTIONS[0], "context": [SHORT, LONG]}),
    ("a text alone", {}, [SHORT], {}),
    ("a number", {}, [5], {}),
    ("list of texts", {}, [[QUESTIONS[0], SHORT]], {}),
    ("context a number", {}, [], {"data": {"question": QUESTIONS[0], "context": 5}}),
]  # fmt: skip

WRONG: list[Case] = [
    ("empty", {}, [""], {"max_new_tokens": 9}),
    ("spaces", {}, ["   "], {"max_new_tokens": 9}),
    ("empty list", {}, [[]], {}),
    ("a number", {}, [5], {}),
    ("None", {}, [None], {}),
    ("nothing", {}, [], {}),
    ("list with a number", {}, [["the king", 5]], {}),
    ("unknown argument", {}, ["the king"], {"nonsense": 1}),
    ("overlong", {}, [LONG * 3], {"max_new_tokens": 5}),
    ("overlong, truncation", {}, [LONG * 3], {"truncation": True, "max_new_tokens": 9}),
    ("overlong list, truncation", {}, [[LONG * 3, SHORT]], {"truncation": True, "batch_size": 2, "max_new_tokens": 9}),
    ("truncation only_first", {}, [LONG * 3], {"truncation": "only_first", "max_new_tokens": 9}),
]

GENERATION: list[Case] = [
    ("one text", {}, ["the king"], {}),
    ("odd text", {}, [ODD], {"max_new_tokens": 14}),
    ("list", {}, [[SHORT, ODD, "the king"]], {"max_new_tokens": 10}),
    ("list of one", {}, [[SHORT]], {"max_new_tokens": 10}),
    ("list, batches", {}, [[SHORT, ODD, "the king"]], {"batch_size": 2, "max_new_tokens": 10}),
    ("batches at init", {"batch_size": 3}, [[SHORT, ODD, "the king", LONG[:80]]], {"max_new_tokens": 12}),
    ("list in a list", {}, [[[SHORT, "the king"], [ODD, "a train"]]], {"max_new_tokens": 12}),
    ("generator", {}, [GENERATOR, [SHORT, "the king"]], {"max_new_tokens": 12}),
    ("generator, batches", {}, [GENERATOR, [SHORT, ODD, "the king"]], {"max_new_tokens": 12, "batch_size": 2}),
    ("several each", {}, [SHORT], {"num_return_sequences": 3, "max_new_tokens": 12}),
    ("several each of a list", {}, [[SHORT, "the king"]], {"num_return_sequences": 2, "max_new_tokens": 12}),
    ("several each, batches", {}, [[SHORT, ODD, "king"]], {"num_return_sequences": 2, "max_new_tokens": 9, "batch_size": 3}),
    ("more than beams", {}, [SHORT], {"num_return_sequences": 9, "num_beams": 2, "max_new_tokens": 12}),
    ("greedy", {}, [SHORT], {"num_beams": 1, "max_new_tokens": 14}),
    ("greedy at init", {"num_beams": 1, "max_new_tokens": 14}, [SHORT], {}),
    ("three beams at init", {"num_beams": 3}, [SHORT], {"max_new_tokens": 14}),
    ("beams, length penalty", {}, [SHORT], {"num_beams": 5, "length_penalty": 0.2, "max_new_tokens": 14}),
    ("early stopping", {}, [SHORT], {"num_beams": 3, "early_stopping": True, "max_new_tokens": 14}),
    ("no repeats", {}, [SHORT], {"no_repeat_ngram_size": 2, "repetition_penalty": 1.3, "max_new_tokens": 14}),
    ("min length", {}, [SHORT], {"min_length": 10, "max_new_tokens": 14}),
    ("min new tokens", {}, [SHORT], {"min_new_tokens": 12, "max_new_tokens": 14}),
    ("max length", {"max_new_tokens": 12}, [SHORT], {"max_length": 10}),
    ("max length at init", {"max_length": 14}, [SHORT], {}),
    ("max length 20 at init", {"max_length": 20, "max_new_tokens": 24}, [SHORT], {}),
    ("max length against 256", {}, ["a king"], {"max_length": 6, "num_beams": 1}),
    ("both lengths", {}, [SHORT], {"max_length": 10, "max_new_tokens": 15}),
    ("lengths crossed", {"max_new_tokens": 12}, [SHORT], {"min_length": 30, "max_length": 10}),
    ("no limit of new tokens", {}, [SHORT], {"max_new_tokens": None}),
    ("no limit but max length", {}, [SHORT], {"max_new_tokens": None, "max_length": 17}),
    ("sampled", {}, [SHORT], {"do_sample": True, "num_beams": 1, "max_new_tokens": 14, "seed": 3}),
    ("sampled, temperature", {}, [SHORT], {"do_sample": True, "num_beams": 1, "temperature": 0.6, "top_k": 20,
                                           "top_p": 0.8, "max_new_tokens": 14, "seed": 4, "num_return_sequences": 2}),
    ("sampled beams", {}, [SHORT], {"do_sample": True, "max_new_tokens": 12, "seed": 5}),
    ("tensors", {}, [SHORT], {"return_tensors": True, "max_new_tokens": 12}),
    ("tensors of a list", {}, [[SHORT, "the king"]], {"return_tensors": True, "max_new_tokens": 12}),
    ("no tensors", {}, [SHORT], {"return_tensors": False, "max_new_tokens": 12}),
    ("text", {}, [SHORT], {"return_text": True, "max_new_tokens": 12}),
    ("no text", {}, [SHORT], {"return_text": False, "max_new_tokens": 12}),
    ("clean up", {}, [SHORT], {"clean_up_tokenization_spaces": True, "max_new_tokens": 14}),
    ("no clean up", {}, [SHORT], {"clean_up_tokenization_spaces": False, "max_new_tokens": 14}),
    ("stop sequence", {}, [SHORT], {"stop_sequence": "the", "max_new_tokens": 14}),
    ("stop sequence of several", {}, [SHORT], {"stop_sequence": "zz qx", "max_new_tokens": 14}),
    ("configuration in the call", {}, [SHORT], {"generation_config": {"max_new_tokens": 7, "num_beams": 2}}),
]  # fmt: skip

LANGUAGES: list[Case] = [
    ("both languages", {}, [SHORT], {"src_lang": "en_XX", "tgt_lang": "de_DE", "max_new_tokens": 15}),
    ("other languages", {}, [SHORT], {"src_lang": "fr_XX", "tgt_lang": "zh_CN", "max_new_tokens": 15}),
    ("languages at init", {"src_lang": "en_XX", "tgt_lang": "ro_RO"}, [[SHORT, ODD]], {"max_new_tokens": 15}),
    ("languages, batches", {"src_lang": "en_XX", "tgt_lang": "ro_RO"}, [[SHORT, ODD, "king"]], {"max_new_tokens": 9,
                                                                                                "batch_size": 2}),
    ("languages, truncation", {}, [LONG * 3], {"src_lang": "en_XX", "tgt_lang": "de_DE", "truncation": True, "max_new_tokens": 9}),
    ("one language", {}, [SHORT], {"src_lang": "en_XX", "max_new_tokens": 15}),
    ("unknown language", {}, [SHORT], {"src_lang": "en_XX", "tgt_lang": "xx_YY", "max_new_tokens": 15}),
]  # fmt: skip


def _named(cases: list[Case], *words: str) -> list[Case]:
    return [case for case in cases if any(word in case[0] for word in words)]


LENGTHS = _named(GENERATION, "max length", "crossed", "no limit")
SOME = _named(GENERATION, "one text", "list, batches", "several each", "three beams")

TASKS: dict[str, list[tuple[str, list[Case]]]] = {
    "question-answering": [("question-answering", QA)],
    "seq2seq": [
        ("text2text-generation", GENERATION + WRONG),
        ("summarization", SOME + LENGTHS + _named(WRONG, "empty", "overlong")),
        ("translation", SOME + LANGUAGES + WRONG),
        ("translation_en_to_de", SOME + LENGTHS + LANGUAGES[:2]),
        ("translation_en_XX_to_de_DE", _named(SOME, "several")),
        ("translation_en_to_fr", _named(SOME, "several")),
        ("translation_nonsense", _named(SOME, "several")[:1]),
    ],
}
"""Tasks of each group of models, with their cases."""

RECORDED_FAMILIES = {"question-answering": ("bert", "xlnet"), "seq2seq": ("t5", "mbart", "bart")}
"""Those whose answers the tests hold: padded right and left; prefixes, languages, lengths of its own."""

_RECORDED_WRITING = (
    "several each of a list", "beams, length penalty", "no repeats", "max length", "both lengths", "lengths crossed",
    "tensors", "stop sequence", "sampled", "configuration in the call", "a number", "empty list", "overlong, truncation",
)  # fmt: skip

RECORDED_CASES = {
    "question-answering": (
        "keywords", "positional", "dict", "list of dicts", "questions, one context", "generator, batches",
        "no question at all", "batches, stride, top 3", "one word, top 5", "spaces as context", "longer than the model",
        "window of 40, stride 5", "stride over window", "top 3", "top 50", "topk", "top 0", "impossible",
        "impossible, top 4", "answer of 1 token", "answer of 40 tokens", "not aligned", "padding to 128", "nothing",
        "no context", "empty question", "context None", "dict without context", "dict with more", "unequal lists",
        "a text alone", "a number", "context a number",
    ),
    "text2text-generation": _RECORDED_WRITING,
    "summarization": ("several each of a list", "max length", "lengths crossed", "overlong, truncation"),
    "translation": ("several each of a list", "both languages", "one language", "languages, truncation"),
    "translation_en_to_de": ("several each of a list", "max length", "both languages"),
    "translation_en_XX_to_de_DE": ("several each of a list", "several each"),
    "translation_nonsense": ("several each",),
}  # fmt: skip
"""Their cases: in ASCII, and quick."""
