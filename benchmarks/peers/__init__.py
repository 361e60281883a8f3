"""Other tools on the same work, each used as its own guide shows; a file a tool, left out when it is not installed.

An adapter has `NAME`, and two functions that take the records' texts and the stages as plain functions:
`python_stages(texts, stages)` and `with_model(texts, stages, ask, at_once)`, where `ask` asks the model.
"""
