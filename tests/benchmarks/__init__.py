"""Benchmarks: this project beside its peers and beside the bare platform, in one run.

    make bench                                                   everything but the long text
    python -m tests.benchmarks --only record browser             some parts
    python -m tests.benchmarks --quick                           small sizes: does each part still work?
    python -m tests.benchmarks --full                            peers at 256 and 512 tokens, ours at 32,768

Parts, each in a process of its own, one after the other:

    record      recording queries and keys, beside the plain forward pass and output_attentions=True
    peers       BertViz and CircuitsVis, in an environment of their own, painted in Chromium
    browser     the widget in real JupyterLab, beside a bare widget of one canvas
    reruns      the memory of a cell that is run a hundred times
    generation  writing, branching and scoring without a page, beside transformers' generate()
    playground  the playground in real JupyterLab: speed with the page open, Run to screen, sliders, a hand
    long        32,768 tokens on the CPU (minutes; --full or --only long)

How times are taken: everything is run once or more before the clock starts; what is compared runs in
turns (A B, B A, A B …) in one process or on one page; the median is quoted, with the lowest and the
highest beside it; "painted" is the end of the drawing in the animation frame that shows it, the same
for the bare widget and for ours; "to the screen" is the end of that frame, style, layout and paint
included. Threads, versions and the machine's load are in the table's head: absolute times mean little
on a busy machine, ratios from one run mean something.

The peers live in the user's cache folder. They share torch and the model with this environment, so that
the same attention goes in; BertViz's scripts come from npm and are served locally. What a peer may use of
time (--patience) and memory (--memory) is limited: "stopped" in the table means that it went over.

`targets.py` says what is to be reached; the figures are saved as JSON and the table as Markdown in --out.
"""

from __future__ import annotations
