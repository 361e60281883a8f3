"""What may stand under `with`, one model a kind of stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from stagegap.spec.fields import Block, Free, Name, Secret, Text, shape


class PythonWith(Block):
    """A function of your own."""

    function: Text
    """`file.py:function`, the file relative to this one. It is called with the inputs by name."""
    warm_up: Text | None = None
    """A function without arguments that is called once before the first record, as to load a model."""


class SklearnWith(Block):
    """A scikit-learn estimator that learns from references, or one that was saved."""

    train: Text | None = None
    """The split whose references it learns from; not with `saved`."""
    estimator: (
        Literal[
            "logistic_regression", "linear_svc", "naive_bayes", "nearest_neighbours", "random_forest", "ridge", "dummy"
        ]
        | None
    ) = None
    """Which estimator learns; not with `saved`."""
    saved: Text | None = None
    """File of a saved estimator that takes texts, .skops or .joblib, inside the folder of this file."""
    features: Literal["tfidf_words", "tfidf_characters", "tfidf_both"] = "tfidf_words"
    """What the estimator sees of the inputs' text."""
    parameters: dict[Text, Free] = Field(default_factory=dict[str, Free])
    """Passed to the estimator as they stand."""
    seed: int = 0
    """Seed of what the estimator draws at random."""


class RetrievalWith(Block):
    """Search in a corpus."""

    corpus: Text
    """Name of one of the `corpora`."""
    method: Literal["bm25", "tfidf", "embeddings"]
    """How documents are ranked."""
    k: Annotated[int, Field(ge=1, le=1000)]
    """How many documents it gives."""
    query: Annotated[list[Name], Field(min_length=1)]
    """Inputs whose texts are searched for."""
    filter: dict[Text, Name] = Field(default_factory=dict[str, str])
    """Field of the documents -> input: only documents are ranked whose field equals, or holds, the input."""
    model: Text | None = None
    """Name of the model behind an OpenAI-compatible endpoint; with embeddings only, as all that follows."""
    base_url: Text | None = None
    """Address of the endpoint; OPENAI_BASE_URL or the official one when not given."""
    api_key: Secret | None = None
    """Only as ${NAME}; OPENAI_API_KEY when not given."""
    price: Annotated[float, Field(ge=0)] | None = None
    """US dollars for a million tokens, for the plan and the budget."""


class RecordedWith(Block):
    """Outputs that another system has written down."""

    path: Text
    """File with one output a row."""
    record: Text = "record"
    """Field with the record's id."""
    value: Text = "value"
    """Field with the output."""
    status: Text | None = None
    """Field that says how the call ended; without it every row is ok."""


class Price(Block):
    """What tokens cost."""

    input: Annotated[float, Field(ge=0)]
    """US dollars for a million tokens read."""
    output: Annotated[float, Field(ge=0)]
    """US dollars for a million tokens written."""


class Shot(Block):
    """A question with its answer, shown to the model before the prompt."""

    user: Text
    """What is asked."""
    assistant: Text
    """What the model is to answer."""


class LlmWith(Block):
    """A language model behind an OpenAI-compatible endpoint."""

    model: Text
    """Name of the model."""
    prompt: Text
    """File with the Jinja2 template of the prompt; the inputs are its variables."""
    system: Text | None = None
    """The system message, as text."""
    examples: list[Shot] | None = None
    """Few-shot examples, in order, between the system message and the prompt."""
    api: Literal["chat", "responses"] | None = None
    """`chat` completions, which every compatible server speaks, when not given; or the `responses` interface."""
    structured: bool | None = None
    """True asks for JSON by a schema made from the output type; not for a text."""
    confidence: Literal["logprobs"] | None = None
    """`logprobs` makes it from the log probabilities of the answer's tokens, where the endpoint gives them."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Left to the endpoint when not given."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """How many tokens an answer may have."""
    base_url: Text | None = None
    """Address of the endpoint; OPENAI_BASE_URL or the official one when not given."""
    api_key: Secret | None = None
    """Only as ${NAME}; OPENAI_API_KEY when not given."""
    seed: int | None = None
    """Passed to the endpoint, which may honour it."""
    price: Price | None = None
    """For the plan and the budget; without it the cost is unknown."""


Path = Annotated[str, StringConstraints(pattern=r"^[^.]+(\.[^.]+)*$")]
"""Keys and positions with dots between."""
Header = Annotated[Annotated[Text, Tag("<one>")] | Annotated[Secret, Tag("<mapping>")], Discriminator(shape)]


class HttpWith(Block):
    """Any service that answers with JSON."""

    url: Text
    """Where it answers."""
    method: Literal["POST", "GET", "PUT", "PATCH"] = "POST"
    """GET sends the inputs in the address; the others send JSON."""
    headers: dict[Text, Header] = Field(default_factory=dict[str, Header])
    """Header -> value; ${NAME} is read at the first call and never stored."""
    token: Secret | None = None
    """Only as ${NAME}; sent as the header `Authorization: Bearer ...`."""
    body: dict[Text, Free] | None = None
    """What is sent, with inputs as "{{ NAME }}"; the inputs by name when not given."""
    answer: Path | None = None
    """Where the answer stands in the JSON, as data.items.0.label; the whole of it when not given."""
    confidence: Path | None = None
    """Where a confidence in [0, 1] stands."""
    price: Annotated[float, Field(ge=0)] | None = None
    """US dollars a call, for the plan and the budget."""


class CommandWith(Block):
    """A program of any language that reads and writes a JSON line a call."""

    command: Annotated[list[Text], Field(min_length=1)]
    """The program and its arguments; it runs in the folder of the cascade file."""
    files: list[Text] = Field(default_factory=list[str])
    """Files whose change makes every call a new one; those that the command names are among them."""
