# ruff: noqa: E501  (a table reads better with a problem a line)
import pytest

from spec.folders import BASE
from stagegap.model.cascade import Limits

DRAFT = '    uses: python\n    with: {function: "stages.py:draft"}\n'
LLM = """\
    uses: llm
    with: {model: m, prompt: prompt.md.j2EXTRA}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # names of stages
        ("  route:", "  9route:", "'9route' can't be the name of a stage. Use letters, digits, _ and -, a letter or _ "
         "first, at most 64."),
        ("  route:", f"  {'r' * 65}:", f"'{'r' * 56}... can't be the name of a stage. Use letters, digits, _ and -, a "
         "letter or _ first, at most 64."),
        ("  route:", "  record:", "a stage can't be called 'record': the word has a meaning of its own."),
        ("  route:", "  confidence:", "a stage can't be called 'confidence': the word has a meaning of its own."),
        # kinds
        ("uses: sklearn", "uses: htp", "stages.route.uses can't be 'htp'. Did you mean http?"),
        ("uses: sklearn", "ask: x", "the key stages.route.uses is missing. Known: command, http, join, llm, python, recorded, retrieval, sklearn."),
        ("train: train,", "train: train, depth: 3,", "unknown key 'depth' in stages.route.with. Known: estimator, "
         "features, parameters, saved, seed, train."),
        ("estimator: logistic_regression", "estimator: logistic_regresion", "stages.route.with.estimator can't be 'logistic_regresion'. "
         "Did you mean logistic_regression?"),
        # types
        ("{type: label, values: [orders, spam]}", "{type: text}", "sklearn can't learn an output of type text. It learns "
         "label, boolean and number."),
        ("{type: label, values: [orders, spam]}", "{type: number}", "'logistic_regression' can't learn an output of type "
         "number. Known: dummy, nearest_neighbours, neural_network, random_forest, ridge."),
        ("{type: label, values: [orders, spam]}", "{type: label, values: [orders, 3, true]}",
         "stages.route.output.values[1] must be text, found 3. Quote it: \"3\"."),
        ("{type: label, values: [orders, spam]}", "{type: label, values: [orders, spam, true]}",
         "stages.route.output.values[2] must be text, found True. Quote it: \"true\"."),
        ("{type: label, values: [orders, spam]}", "{type: label, values: [orders, spam, orders]}",
         "the value 'orders' stands twice. Remove one of the two."),
        ("{type: label, values: [orders, spam]}", "{type: label, values: [spam]}",
         "stages.route.output.values needs at least 2 entries, found ['spam']."),
        ("{type: label, values: [orders, spam]}", "{values: [orders, spam]}", "the key stages.route.output.type is missing."),
        ("{type: text}", "{type: number, low: 2, high: 1}", "low 2 is not below high 1."),
        ("{type: text}", "{type: object, schema: {type: strng}}", "this is no JSON schema: 'strng' is not valid under any "
         "of the given schemas."),
        ("{type: text}", '{type: object, schema: {allOf: [{$ref: "http://x/y"}]}}', "this is no JSON schema: it refers to "
         "'http://x/y', outside of itself."),
        ("of: shop, k: 3", "of: shopp, k: 3", "unknown corpus 'shopp'. Did you mean shop?"),
        ("corpus: shop", "corpus: shopp", "unknown corpus 'shopp'. Did you mean shop?"),
        ("{type: ranking, of: shop, k: 3}", "{type: text}", "retrieval puts out a ranking, found type text. Write `output: "
         "{type: ranking, of: shop, k: 3}`."),
        ("{type: ranking, of: shop, k: 3}", "{type: ranking, of: shop, k: 2}", "the search gives 3 documents, and the output "
         "holds 2 at most. Write `k: 2`."),
        ("query: [subject]", "query: [subjet]", "query names the unknown input 'subjet'. Did you mean subject?"),
        ("departments: department", "departments: departmnt", "filter names the unknown input 'departmnt'. Did you mean "
         "department?"),
        ("departments: department", "title: department", "the filter compares 'title', which the corpus shows as id, title "
         "or text. Filter by another field of the documents."),
        ("inputs: {subject: record.subject}", "inputs: {}", "the stage 'route' has no inputs. Write `inputs: {NAME: "
         "record.FIELD}`."),
        ("inputs: {subject: record.subject}", "inputs: {a b: record.subject}", "'a b' can't be a name in "
         "stages.route.inputs. Use letters, digits and _, no digit first."),
        ("inputs: {subject: record.subject}", "inputs: ", "stages.route.inputs has no value. It needs a mapping."),
        # scores
        ("{type: text}", "{type: text}\n    score: accuracy", "the metric 'accuracy' does not fit an output of type text. "
         "Known: chrf, exact, fact_recall, token_f1."),
        ("of: shop, k: 3}", "of: shop, k: 3}\n    score: recall@x", "'recall@x' needs a whole number from 1 after the @, as "
         "in recall@3."),
        ("of: shop, k: 3}", "of: shop, k: 3}\n    score: recall@5", "the metric 'recall@5' looks at more ids than the output "
         "holds, k: 3. Write recall@3."),
        ("{type: text}", "{type: text}\n    score: [chrf, fact_recall, chrf]", "the metric 'chrf' stands twice. Remove one "
         "of the two."),
        ("{type: text}", '{type: text}\n    score: [fact_recall, "python:stages.py:judge"]',
         "stages.py has no function 'judge'. Known: draft."),
        ("draft.fact_recall", "draft.chrf", "'chrf' is no score of the stage 'draft'. Known: fact_recall."),
        ("draft.fact_recall", "draf.fact_recall", "the outcome names the unknown stage 'draf'. Did you mean draft?"),
        ("draft.fact_recall", "draft", "'draft' names no score. Write STAGE.METRIC."),
        (">= 0.8", "0.8", "outcome.good can't be '0.8'. Write \">= 0.8\"."),
        (">= 0.8", ">= 80", "no score reaches '>= 80': scores end at 1."),
        # data
        ("mails.jsonl", "mail.jsonl", "the file of records 'mail.jsonl' is not there. Did you mean mails.jsonl?"),
        ("references.jsonl", ".", "the file of references '.' is a folder. Name the file in it."),
        ("[products.jsonl]", "[products.jsonl, more.jsonl]", "the file of the corpus 'shop' 'more.jsonl' is not there. "),
        (", split: split", "", "evaluate names a split, and records has no key split. Add `split: FIELD`."),
        ("references: {path: references.jsonl}", "noun: mail", "sklearn learns from references, and the file has none. Add "
         "`references`."),
        ("evaluate: test", "evaluate: train", "the stage learns from the split 'train', which is the one that is scored. "
         "Learn from another split."),
        ("stages.py:draft", "stages.py", "'stages.py' names no function. Write `file.py:function`."),
        ("stages.py:draft", "stages.py:drat", "stages.py has no function 'drat'. Did you mean draft?"),
        ("type: text}", "type: text}\n    guideline: guid.md", "the guideline 'guid.md' is not there. Did you mean guide.md?"),
        ("type: text}", "type: text}\n    repeats: 0", "stages.draft.repeats should be greater than or equal to 1, found 0."),
        ("type: text}", "type: text}\n    repeats: 1.5", "stages.draft.repeats must be a whole number, found 1.5."),
        ("type: text}", "type: text}\n    timeout: soon", "stages.draft.timeout must be a number, found 'soon'."),
        ("type: text}", "type: text}\n    limits: {calls_per_minute: 5}", "limits are for stages that ask a provider: llm and "
         "http. Remove it."),
        ("type: text}", "type: text}\n    limits: {call_per_minute: 5}", "unknown key 'call_per_minute' in "
         "stages.draft.limits. Did you mean calls_per_minute"),
        ("type: text}", "type: text}\n    limits: {calls_per_minute: 0}", "stages.draft.limits.calls_per_minute should be "
         "greater than 0, found 0."),
        ("type: text}", "type: text}\n    resources: {gpu: 1}", "the cascade has no resource 'gpu'. Write `resources: {gpu: "
         "1}` at the top."),
        ("type: text}", "type: text}\n    rests_on: [words.json]", "the file 'words.json' is not there."),
        ("type: text}", "type: text}\n    score_rests_on: [data/*.json]", "the file 'data/*.json' is not there."),
        ("type: text}", "type: text}\n    rests_on: ['env:API_KEY']", "'env:API_KEY' looks like a secret, whose value is "
         "never kept. Name what it stands for."),
        # the whole
        ("cascade: mails", "cascde: mails", "unknown key 'cascde'. Did you mean cascade?"),
        ("cascade: mails", "cascade: 3", "cascade must be text, found 3. Quote it: \"3\"."),
        ("records: {path: mails.jsonl, id: mail_id, split: split}", "records: mails.jsonl",
         "records must be a mapping, found 'mails.jsonl'."),
        ("corpora:\n  shop: {path: [products.jsonl], id: doc_id}", "corpora: [shop]",
         "corpora must be a mapping from names, found ['shop']."),
        ("{path: [products.jsonl], id: doc_id}", "[products.jsonl]", "corpora.shop must be a mapping, found ['products.jsonl']."),
        ("draft.fact_recall", "draft.rating@tone", "the outcome is a rating, and the file has no key ratings. Add "
         "`ratings: {path: ratings.jsonl, scale: [1, 5]}`."),
        ("outcome:", "ratings: {path: mails.jsonl, scale: [5, 5]}\noutcome:", "a scale from 5 to 5 has no width. Write [1, 5]."),
        ("outcome:", "ratings: {path: mails.jsonl, scale: [1]}\noutcome:", "ratings.scale needs at least 2 entries, found [1]."),
        ("outcome: {score: draft.fact_recall", "ratings: {path: mails.jsonl, scale: [1, 5]}\noutcome: {score: draft.rating@",
         "rating@ names no criterion. Write STAGE.rating@CRITERION."),
        ("outcome: {score: draft.fact_recall", "ratings: {path: mails.jsonl, scale: [1, 5], system: ours}\noutcome: {score: "
         "draft.rating@tone", "draft is called, so each run may answer otherwise: one name for all of them can't be right. "
         "Name the run as the system in the file of ratings, as v3."),
        ("outcome:", "targets: {draf: {gap: 3}}\noutcome:", "a target for the unknown stage 'draf'. Did you mean draft?"),
        ("outcome:", "targets: {draft: {lose_at_most: 3}}\noutcome:",
         "draft can't have lose_at_most: cheaper versions are held to what the end loses. "
         "Put it under `targets: {outcome: ...}`."),
        ("outcome:", "targets: {draft: {gapp: 3}}\noutcome:", "unknown key 'gapp' in targets.draft. Did you mean gap?"),
        ("outcome:", "human_baseline: {kinds: {expert: {stage: draf, score: 0.9, n: 50}}}\noutcome:",
         "a figure for the unknown stage 'draf'. Did you mean draft?"),
        ("outcome:", "human_baseline: {size: 3}\noutcome:", "unknown key 'size' in human_baseline. "),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(problems, folder, old, new, expected):
    found = [p.partition(": ")[2].replace(f"'{folder.path}'", "'.'") for p in problems(old, new)]
    assert any(p.startswith(expected) for p in found), found


def test_a_stage_takes_no_more_than_there_is(problems):
    text = BASE.replace("outcome:", "resources: {gpu: 2}\noutcome:", 1)
    (found,) = problems(text.replace("type: text}", "type: text}\n    resources: {gpu: 3}", 1))
    assert found.endswith("it takes 3 of 'gpu', which has 2. Take fewer.")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("embeddings", "embeddings need a model. Write its name as `model`."),
        ("embeddings, model: e, base_url: 'ftp://x'", "base_url is no address. Write it as https://HOST/v1."),
        ("bm25, model: e", "bm25 ranks by words and asks nobody. Remove the key, or write `method: embeddings`."),
    ],
)
def test_settings_of_a_search_by_vectors_are_checked(problems, settings, expected):
    (found,) = problems("method: bm25", f"method: {settings}")
    assert found.endswith(f": {expected}")


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (", temprature: 1", "unknown key 'temprature' in stages.draft.with. Did you mean temperature or structured?"),
        (", temperature: hot", "stages.draft.with.temperature must be a number, found 'hot'."),
        (", base_url: 'ftp://x'", "base_url is no address. Write it as https://HOST/v1."),
        (", base_url: 'http://['", "base_url is no address. Write it as https://HOST/v1."),
        (", base_url: 'https://me:hush@x/v1'", "base_url holds a name or password. Give the key by `api_key: ${NAME}`."),
        (", price: {input: 1}", "the key stages.draft.with.price.output is missing. US dollars for a million tokens "
         "written."),
        ("x", "the prompt 'prompt.md.j2x' is not there. Did you mean prompt.md.j2?"),
        (", structured: true", "a text has no structure. Remove the key."),
        (", api: responses, seed: 1", "the responses interface takes no seed. Remove the key."),
        (", api: responses, stop: x", "the responses interface takes no stop. Remove the key."),
    ],
)  # fmt: skip
def test_settings_of_a_language_model_are_checked(problems, extra, expected):
    old = '    uses: python\n    with: {function: "stages.py:draft"}\n'
    assert problems(old, LLM.replace("EXTRA", extra)) == [f"20: {expected}"]


def test_any_json_object_is_asked_for_in_chats_only(problems):
    old = '    uses: python\n    with: {function: "stages.py:draft"}\n'
    new = LLM.replace("EXTRA", ", api: responses, structured: json_object")
    text = (
        BASE.replace(old, new).replace("type: text}", "type: list}\n    score: set_f1").replace("fact_recall", "set_f1")
    )
    assert any("the responses interface knows schemas. Write true." in problem for problem in problems(text))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("{url: example.org}", "url is no address. Write it as https://HOST/PATH."),
        ("{url: 'https://me:hush@x/y'}", "url holds a name or password. Use `token` or `headers`."),
        ("{url: 'https://x/y', metod: GET}", "unknown key 'metod' in stages.draft.with. Did you mean method?"),
        ("{url: 'https://x/y', method: GETT}", "stages.draft.with.method can't be 'GETT'. Did you mean GET?"),
        ("{url: 'https://x/y', method: GET, body: {a: b}}", "GET sends no body. Remove it: the inputs are sent in the "
         "address."),
        ("{url: 'https://x/y', body: {q: '{{ subjet }}'}}", "body uses 'subjet', which is no input of the stage. Did you "
         "mean subject?"),
        ("{url: 'https://x/y', body: {q: '{{ subject'}}", "'{{ subject' is no template: unexpected end of template, "
         "expected 'end of print statement'."),
        ("{url: 'https://x/y', answer: data..x}", "stages.draft.with.answer can't be 'data..x'."),
        ("{url: 'https://x/y', headers: {X-Key: hush}}", "X-Key holds a secret in the file itself. Write ${NAME}, the name "
         "of an environment variable."),
        ("{url: 'https://x/y', headers: {X-Team: 3}}", "stages.draft.with.headers.X-Team must be text, found 3. Quote it: "
         '"3".'),
        ("{url: 'https://x/y', token: hush}", "token holds a secret in the file itself. Write ${NAME}, the name of an "
         "environment variable."),
    ],
)  # fmt: skip
def test_settings_of_a_service_are_checked(problems, settings, expected):
    new = f"    uses: http\n    with: {settings}\n"
    assert [p.partition(": ")[2] for p in problems(DRAFT, new)] == [expected]


def test_a_service_gets_its_settings_with_secrets_by_name(folder):
    settings = "{url: 'https://x/y', headers: {X-Any: '${HUSH}', X-Team: '${TEAM:-a}'}, token: '${KEY}'}"
    loaded = folder.changed(DRAFT, f"    uses: http\n    with: {settings}\n")
    assert loaded.cascade.stage("draft").parameters == {
        "url": "https://x/y",
        "method": "POST",
        "headers": {"X-Any": {"$env": "HUSH"}, "X-Team": "a"},
        "token": {"$env": "KEY"},
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("{command: []}", "stages.draft.with.command needs at least 1 entries, found []."),
        ("{command: cat}", "stages.draft.with.command must be a list, found 'cat'."),
        ("{command: [cat], files: [stages.p]}", "the file 'stages.p' is not there. Did you mean stages.py?"),
    ],
)
def test_settings_of_a_program_are_checked(problems, settings, expected):
    new = f"    uses: command\n    with: {settings}\n"
    assert [p.partition(": ")[2] for p in problems(DRAFT, new)] == [expected]


def test_a_program_gets_its_settings(folder):
    loaded = folder.changed(DRAFT, "    uses: command\n    with: {command: [cat, -], files: [stages.py]}\n")
    assert loaded.cascade.stage("draft").parameters == {
        "command": ["cat", "-"],
        "files": [f"{folder.path}/stages.py"],
    }


def test_a_language_model_gets_its_settings(folder):
    old = '    uses: python\n    with: {function: "stages.py:draft"}\n'
    new = LLM.replace("EXTRA", ", base_url: 'http://127.0.0.1:8000/v1', price: {input: 1, output: 2.5}")
    assert folder.changed(old, new).cascade.stage("draft").parameters == {
        "model": "m",
        "prompt": f"{folder.path}/prompt.md.j2",
        "base_url": "http://127.0.0.1:8000/v1",
        "price": {"input": 1.0, "output": 2.5, "cached": None},
    }


def test_a_stage_that_asks_a_provider_may_have_limits(folder):
    new = LLM.replace("EXTRA", "") + "    limits: {calls_per_minute: 60, tokens_per_minute: 9000}\n"
    limits = folder.changed(DRAFT, new).cascade.stage("draft").limits
    assert limits == Limits(calls_per_minute=60.0, tokens_per_minute=9000.0)


def test_a_provider_may_have_limits_that_all_stages_share(folder):
    loaded = folder.changed("outcome:", "providers: {'api.openai.com': {calls_per_minute: 60}}\noutcome:")
    assert loaded.cascade.providers == {"api.openai.com": Limits(calls_per_minute=60.0)}


def test_the_time_outs_of_a_stage_are_its_own(folder):
    new = LLM.replace("EXTRA", "") + "    timeout: 30\n    connect_timeout: 2\n    silence_timeout: 9\n"
    stage = folder.changed(DRAFT, new).cascade.stage("draft")
    assert (stage.timeout_s, stage.connect_timeout_s, stage.silence_timeout_s) == (30.0, 2.0, 9.0)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("{saved: model.joblib}", "the saved estimator 'model.joblib' is not there."),
        ("{saved: stages.py, train: train}", "a saved estimator learns nothing. Remove train and estimator."),
        ("{train: train}", "sklearn needs `train` and `estimator`, or `saved`, the file of an estimator."),
    ],
)
def test_a_saved_estimator_is_one_or_none(problems, settings, expected):
    old = "with: {train: train, estimator: logistic_regression}"
    [found] = problems(old, f"with: {settings}")
    assert found.partition(": ")[2].startswith(expected)


def test_a_recorded_stage_needs_no_inputs(folder, problems):
    old = (
        "uses: sklearn\n    with: {train: train, estimator: logistic_regression}\n    inputs: {subject: record.subject}"
    )
    new = "uses: recorded\n    with: {path: outputs.jsonl, status: s}\n    inputs: {}"
    stage = folder.changed(old, new).cascade.stage("route")
    assert stage.parameters == {
        "path": f"{folder.path}/outputs.jsonl",
        "record": "record",
        "value": "value",
        "status": "s",
    }
    assert problems(old, new.replace("outputs", "output")) == [
        "10: the file of recorded outputs 'output.jsonl' is not there. Did you mean outputs.jsonl or products.jsonl?"
    ]


def test_the_corpus_that_is_searched_is_the_one_that_is_ranked(problems):
    text = BASE.replace("  shop:", "  more: {path: products.jsonl}\n  shop:").replace("of: shop", "of: more")
    assert problems(text) == ["18: the stage searches 'shop' and says that it ranks 'more'. Write `of: shop`."]


def test_a_corpus_that_is_described_nowhere_is_asked_for(problems):
    text = BASE.replace("corpora:\n  shop: {path: [products.jsonl], id: doc_id}\n", "")
    assert problems(text) == [
        "13: unknown corpus 'shop'. Describe it under `corpora`.",
        "15: unknown corpus 'shop'. Describe it under `corpora`.",
    ]


@pytest.mark.parametrize("kind", ["boxes", "spans", "segments"])
def test_places_lie_in_an_input_of_the_stage(folder, problems, kind):
    metric = {"boxes": "box_f1@0.5", "spans": "span_f1", "segments": "overlap_f1"}[kind]
    text = BASE.replace("output: {type: text}", f"output: {{type: {kind}, of: subjet}}")
    text = text.replace("fact_recall", metric)
    assert problems(text) == ["23: 'subjet' is no input of the stage. Did you mean subject?"]
    loaded = folder.load(text.replace("subjet", "subject"))
    assert (loaded.cascade.stage("draft").output.of, loaded.cascade.stage("draft").metrics[0]) == (
        "subject",
        loaded.cascade.outcome.metric,
    )


def test_missing_sections_are_named(problems):
    assert problems("noun: mail\n") == [
        "1: the key cascade is missing. It holds: Name of the cascade.",
        "1: the key records is missing. It holds: The cases that go through the cascade.",
        "1: the key stages is missing. It holds: The steps of the cascade, by name.",
        "1: the key outcome is missing. It holds: The score that the whole cascade is judged by.",
    ]


@pytest.mark.parametrize(
    ("stages", "count"), [("{}", 0), ("{" + ", ".join(f"s{i}: {{}}" for i in range(33)) + "}", 33)]
)
def test_a_cascade_has_1_to_32_stages(problems, stages, count):
    text = BASE[: BASE.index("stages:")] + f"stages: {stages}\n" + BASE[BASE.index("outcome:") :]
    assert f"7: found {count} stages. A cascade has 1 to 32 of them." in problems(text)


@pytest.mark.parametrize("stage", ["draft", "[a]", "3", ""])
def test_a_stage_that_is_no_mapping_is_named(problems, stage):
    text = BASE.replace("outcome:", f"  more: {stage}\noutcome:")
    assert any(p.startswith("24: stages.more ") for p in problems(text))


def test_what_can_not_be_read_of_a_stage_hides_nothing_else_of_it(problems):
    assert problems("of: shop, k: 3}", "of: shop, k: three}\n    score: accuracy")[0].startswith(
        "17: stages.retrieve.output.k must be a whole number, found 'three'."
    )
    assert (
        "does not fit an output of type ranking"
        in problems("of: shop, k: 3}", "of: shop, k: three}\n    score: chrf")[1]
    )
