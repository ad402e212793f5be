"""The code that answers questions as the page does, in plain Transformers: a template for str.format."""

from __future__ import annotations

CODE = """import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({source})
model = AutoModelForQuestionAnswering.from_pretrained({source}, dtype="{dtype}").eval(){moved}
questions = {questions}
context = {context}

for question in questions:
    # A long text is read in windows that overlap.
    windows = tokenizer(
        {both}, truncation="{cut}", max_length={window}, stride={stride},
        return_overflowing_tokens=True, return_offsets_mapping=True, return_token_type_ids=True,
    )
    found, no_answer = {{}}, 1.0
    for number, ids in enumerate(windows["input_ids"]):
        inputs = {{name: torch.tensor([windows[name][number]], device=model.device) for name in {names}}}
        with torch.inference_mode():
            output = model(**inputs)
        # An answer stands in the text; the first token stands for "no answer".
        parts = windows.sequence_ids(number)
        closed = torch.tensor([{closed} for part, token in zip(parts, ids)])
        start = output.start_logits[0].float().cpu().masked_fill(closed, -10000.0).softmax(-1)
        end = output.end_logits[0].float().cpu().masked_fill(closed, -10000.0).softmax(-1)
        no_answer = min(no_answer, float(start[0] * end[0]))
        start[0] = end[0] = 0.0
        # The chance of every span: that of its start times that of its end, no longer than allowed.
        chances = torch.outer(start, end).triu().tril({longest} - 1).flatten()
        best = chances.topk(min({count}, len(chances)))
        for chance, place in zip(best.values.tolist(), best.indices.tolist()):
            first, last = divmod(place, len(ids))
            if closed[first] or closed[last]:
                continue
            encoding = windows[number]
            begin, stop = encoding.offsets[first][0], encoding.offsets[last][1]
            words = encoding.token_to_word(first), encoding.token_to_word(last)
            if {align} and None not in words:
                begin = encoding.word_to_chars(words[0], {part})[0]
                stop = encoding.word_to_chars(words[1], {part})[1]
            answer = context[begin:stop]
            if not answer:
                continue
            # The same words found again, in another window or by other tokens, are one answer.
            row = found.setdefault(answer.lower(), [0.0, begin, stop, answer])
            row[0] += chance
    rows = list(found.values()) + ([[no_answer, 0, 0, ""]] if {impossible} else [])
    for score, begin, stop, answer in sorted(rows, key=lambda row: row[0], reverse=True)[:{top_k}]:
        print(score, begin, stop, answer)
"""
