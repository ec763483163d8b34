# ---
# jupyter:
#   mlsd:
#     title: What does your API answer to nonsense?
#     sprint: 3
#     minutes: 45
#     objectives:
#       - specify an endpoint together with its failures
#       - let the schema refuse what the model cannot judge
#       - make a retry harmless
#     prerequisites: ["00", "03", "04"]
#     exercises: ["06.1", "06.2", "06.3", "06.4", "06.5"]
# ---

# %% [markdown] tags=["slide"]
# # What does your API answer to nonsense?
#
# *Lab 06, sprint 3. 45 minutes; after labs 00, 03 and 04. In class: parts 1 to 4 with exercises 06.1 and 06.2. At
# home, 40 minutes, or for fast pairs: part 5, *Break it* and the other exercises.*
#
# Bramblework's mobile team calls the spam filter for every draft. Since Tuesday the app sends the share of capital
# letters as 30 instead of 0.30. The service answers 200 and a verdict, for eleven days, and hides honest posts by
# excited people. No log shows an error. Whose mistake was it?
#
# You will be able to
#
# 1. specify an endpoint together with its failures;
# 2. let the schema refuse what the model cannot judge;
# 3. make a retry harmless.

# %% [markdown]
# ## Words and where they live
#
# | course word | here |
# |---|---|
# | REST, endpoint, status code | `Server`, `mlsd serve` |
# | contract (schema) | `package.schema` |
# | idempotent | `PUT /v1/predictions/{id}/label` |
# | RPC | `POST /v1/rpc` |

# %%
import inspect
import json
import socket
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from mlsd import PredictionLog
from mlsd.course import check, hint, solution
from mlsd.datasets import make_spam_posts
from mlsd.platform import Server
from mlsd.plot import plot_bars
from mlsd.registry import Registry
from mlsd.training import Recipe, train

# %% [markdown] tags=["slide"]
# ## 1. What travels?
#
# A model of seven numbers, published in a registry, and a server in a process of its own.

# %%
fields = "n_words n_links caps_share account_age_days n_connections posts_last_week profile_complete".split()
posts = make_spam_posts(12_000, random_state=6).frame
package = train(posts.iloc[:8_000][[*fields, "is_spam"]], Recipe("is_spam"))
folder = Path(tempfile.mkdtemp())
registry = Registry(folder / "registry")
registry.publish(registry.register("spam", package, by="you"), by="you")
server = Server(folder / "registry", "spam", log_path=folder / "log.db").start()
client = server.client()

# %% [markdown]
# A request is text. We write one by hand, to a socket, as a browser would. **Predict.** How many lines does it
# take to ask for a verdict?

# %%
drafts = posts.iloc[8_000:8_020][fields].to_dict("records")
body = json.dumps({"instances": drafts[:1]})
request = f"""POST /v1/models/spam/predictions HTTP/1.1
Host: localhost
Content-Type: application/json
Content-Length: {len(body)}
Connection: close

{body}""".replace("\n", "\r\n")
with socket.create_connection(("127.0.0.1", server.port)) as line:
    line.sendall(request.encode())
    answer = b"".join(iter(lambda: line.recv(4096), b"")).decode()

# %%
print(len(request.splitlines()), "lines asked; the first line of the answer:", answer.splitlines()[0])
answer_body = json.loads(answer.partition("\r\n\r\n")[2])
print("version", answer_body["version"], "says", round(answer_body["predictions"][0]["prediction"], 3))

# %% [markdown]
# **Read.** A *method* and a *path*, some *headers*, an empty line, a *body*. Back comes a *status*, headers, an
# empty line, a body. Nothing else is HTTP, and *REST* is one way to use it: things have
# addresses, and few verbs. All the rest of this lab is about the status.

# %% [markdown] tags=["slide"]
# ## 2. Twenty-five bad letters: how many get a 4xx?
#
# First the inside of a handler as many projects have it: read the fields, turn each into a number, predict.


# %% tags=["demo"]
def naive(body):
    """Status and answer of a handler that reads what it can."""
    try:
        content = json.loads(body)
        row = [float(content.get(name, 0)) for name in fields]
        return 200, float(package.model.predict(np.array([row]))[0])
    except Exception as error:
        return 500, str(error)  # what a web framework does when a handler raises


# %% [markdown]
# And twenty-five letters that no sound client would send: eighteen rows with one thing wrong, and seven texts.

# %%
draft = drafts[0]
wrong_rows = [
    {}, {"caps_share": 30}, {"caps_share": "nan"}, {"caps_share": None}, {"caps_share": [0.3]},
    {"n_links": -1}, {"n_links": 2.5}, {"n_links": "3"}, {"n_links": True}, {"n_links": "many"},
    {"account_age_days": -400}, {"account_age_days": "12 days"}, {"n_words": 1e300}, {"n_words": {"n": 9}},
    {"profile_complete": 7}, {"posts_last_week": 900}, {"caps": 0.3}, {"comment": "please"},
]  # fmt: skip
letters = [{**draft, **change} if change else {} for change in wrong_rows]
del letters[16]["caps_share"]  # misspelt: caps
texts = ["", "{", "[]", "7", '"spam"', "null", json.dumps(draft).replace(": 0", ": NaN", 1)]
print(len(letters) + len(texts), "letters")

# %% [markdown]
# **Predict.** How many of the 25 does the naive handler answer with 200 and a verdict? With 500? With a 4xx that
# tells the client what to mend?


# %%
def by_kind(found):
    kinds = pd.Series(found) // 100
    return {name: int((kinds == kind).sum()) for name, kind in (("2xx", 2), ("4xx", 4), ("5xx", 5))}


careless = [naive(text)[0] for text in [*map(json.dumps, letters), *texts]]
plot_bars(
    {f"answered {name}": count for name, count in by_kind(careless).items()},
    title="The dangerous answer is 200",
    x="letters, of 25, to the naive handler",
    refused=["answered 2xx"],
)

# %%
loud = posts.iloc[8_000:].assign(caps_share=lambda rows: 100 * rows["caps_share"])
hidden = [float((package.predict(rows) > 0.5).mean()) for rows in (posts.iloc[8_000:], loud)]
print(f"hidden: {hidden[0]:.2f} of the drafts with a share, {hidden[1]:.2f} with the same in percent")

# %% [markdown]
# **Read.** Most nonsense gets a verdict: an empty object, "nan", a negative age, a misspelt field. What fails, fails
# with 500, which says *we are broken*: somebody is called at night for a slip of the client. Not one letter got a
# 4xx, the only answer that could have ended the eleven days on the first.

# %%
assert by_kind(careless)["2xx"] > 12 and by_kind(careless)["4xx"] == 0

# %% [markdown]
# ### Exercise 06.1 (warm-up, 10 minutes)
#
# Before it is written, an endpoint is a table. This one takes the day's count of a depot. Write
# `status(method, path, kind, body)`, where `kind` is the Content-Type and `body` a text. The first line that
# applies decides:
#
# | what is wrong | status |
# |---|---|
# | the path is not `/v1/counts` | 404 |
# | the method is not POST | 405 |
# | the kind is not `application/json` | 415 |
# | the body has more than 200 bytes | 413 |
# | the body is no JSON (which knows no NaN) | 400 |
# | it is no object, or a field is missing or unknown; the fields are `depot` and `parcels` | 422 |
# | `depot` is not Millbeck or Ostby, or `parcels` no whole number from 0 to 5,000 | 422 |
# | nothing | 200 |
#
# Example: `status("POST", "/v1/counts", "application/json", '{"depot": "Ostby", "parcels": 80}')` is 200, and 422
# with `"80"` for 80.

# %%
DEPOTS = ("Millbeck", "Ostby")


def no_constant(name):
    """JSON knows no NaN and no Infinity."""
    raise ValueError(f"{name} is no JSON")


# %% tags=["exercise"] exercise="06.1"
def status(method, path, kind, body):
    """The status of a request, by the table."""
    ...


# %% tags=["check"]
check("06.1", status)

# %% [markdown] tags=["slide"]
# ## 3. Where should each be stopped?
#
# The library's app has no line about capitals or ages. It asks the *schema* that travels with the model: the
# contract of lab 03, learnt from the training rows with some slack, stands at the door.

# %%
address, headers = "/v1/models/spam/predictions", {"Content-Type": "application/json"}
wrapped = [json.dumps({"instances": [row]}) for row in letters] + [
    *texts[:-1],
    f'{{"instances": [{texts[-1]}]}}',
]
strict = [client.post(address, content=text, headers=headers).status_code for text in wrapped]
table = pd.DataFrame(
    {"naive": careless, "with the schema": strict}, index=[str(x) for x in [*wrong_rows, *texts]]
)
table.index = table.index.str.slice(0, 40)
assert by_kind(strict)["4xx"] == 25
table

# %%
refusal = client.post(address, json={"instances": [{**draft, "caps_share": 30}]})
print(refusal.status_code, refusal.json()["title"])
print(refusal.json()["errors"][0])

# %% [markdown]
# **Read.** All 25 are refused, each with a document of one form (RFC 9457) that names row and field where there is
# one, and repeats nothing of what was sent: an answer may end up in somebody's log. 400 says
# *I could not read this*, 422 *I read
# it, and it cannot be judged*. And what is sound? The same verdict as offline, to the last bit:

# %%
online = client.post(address, json={"instances": drafts}).json()
offline = package.predict(pd.DataFrame(drafts))
print(
    sum(one["prediction"] == p for one, p in zip(online["predictions"], offline, strict=True)), "of 20 equal"
)
assert [one["prediction"] for one in online["predictions"]] == offline.tolist()

# %% [markdown] tags=["slide"]
# ## 4. The answer got lost, and the phone asks again
#
# A moderator's verdict is sent back as a label. The moderator's bus enters a tunnel: the request arrived, the answer
# did not. The phone sends it again. **Predict.** How many labels are there afterwards, with POST to a list, and with
# PUT to the address of the prediction?

# %%
client.post(address, json={"instances": drafts[:1], "ids": ["draft-1"]})
posted = []
answers = []
for _ in range(2):
    posted.append({"id": "draft-1", "value": True})  # what a handler of POST /labels does
    answers.append(client.put("/v1/predictions/draft-1/label", json={"value": True}).status_code)
log = PredictionLog(folder / "log.db")
kept = log.window("2020-01-01T00:00Z", "2100-01-01T00:00Z").dropna(subset="label")
assert len(kept) == 1
plot_bars(
    {"POST to a list": len(posted), "PUT to its address": len(kept)},
    title="POST twice is two, PUT twice is one",
    x="labels after one verdict, sent twice",
    refused=["POST to a list"],
)

# %% [markdown]
# And when the second label says something else?

# %%
other = client.put("/v1/predictions/draft-1/label", json={"value": False})
unknown = client.put("/v1/predictions/draft-2/label", json={"value": True})
print(
    "the same again:", answers, "another value:", other.status_code, "an unknown draft:", unknown.status_code
)
assert other.status_code == 409

# %% [markdown]
# **Read.** PUT is *idempotent*: twice is once. It is not *the same answer twice*; it is the same state after. Another
# value is a conflict (409), and the first one stays. (204 means *done, nothing to say*; the exercise tells new from
# known, with 201 and 200.)
#
# ### Exercise 06.2 (core, 5 minutes)
#
# Write `put_label(store, id, value)`: `store` is a dictionary that all replicas share. Keep the label and return 201
# where the id is new; return 200 where it has this label already; change nothing and return 409 where it has another.


# %% tags=["exercise"] exercise="06.2"
def put_label(store, id, value):
    """Keep a label, once, and say how that went."""
    ...


# %% tags=["check"]
check("06.2", put_label)

# %% [markdown]
# ### Exercise 06.3 (core, 7 minutes, at home)
#
# Phones out there keep the app of last year. Write `breaks(old, new)`: both map the name of a field to
# `{"type": ..., "unit": ..., "required": True or False}`. Return the names of the fields, sorted, whose change
# breaks a phone that sends what the old contract allows. The server refuses fields that it does not know.
#
# Example: an optional field that is added breaks nobody; a share that becomes percent does.


# %% tags=["exercise"] exercise="06.3"
def breaks(old, new):
    """Fields whose change breaks an old client."""
    ...


# %% tags=["check"]
check("06.3", breaks)

# %% [markdown] tags=["slide"]
# ## 5. Smaller on the wire, or easier to change?
#
# *RPC* calls a function by its name, through a letter; *REST* asks a thing at its address. The same server does both.

# %%
rpc_call = {"jsonrpc": "2.0", "id": 1, "method": "predict", "params": {"instances": drafts[:1]}}
by_rpc = client.post("/v1/rpc", json=rpc_call)
by_rest = client.post(address, json={"instances": drafts[:1]})
bad_rpc = client.post("/v1/rpc", json=rpc_call | {"params": {"instances": [{**draft, "caps_share": 30}]}})
print("verdicts equal:", by_rpc.json()["result"]["predictions"][0]["prediction"] == offline[0])
print("status of a bad row: REST", refusal.status_code, "RPC", bad_rpc.status_code)
assert bad_rpc.status_code == 200 and "error" in bad_rpc.json()

# %% [markdown]
# **Predict.** One row as JSON, and as seven binary numbers of eight bytes, roughly as gRPC sends it: how many times
# smaller?

# %%
as_json, as_bytes = len(json.dumps(draft)), np.array(list(draft.values())).nbytes
print(f"{as_json} bytes of JSON, {as_bytes} as binary numbers")

# %% [markdown]
# **Read.** Binary is less than half the size, and nobody can read it without the definition both sides compiled. In
# RPC a refusal travels with status 200: proxies, caches and dashboards, which read the status alone, see a success.
# Choose REST where others call you, RPC between your own services.
#
# ### Exercise 06.4 (design, 6 minutes, at home)
#
# The parcel forecast gets an API. For each wish choose a verb and the number of its answer, as `"GET 200"`:
#
# - a: Teun asks for tomorrow's forecast of Millbeck; it is there
# - b: the depot tells the day's true count for the first time; the answer may get lost
# - c: somebody asks for the forecast of Millbek
# - d: the depot tells a count of -3
# - e: the depot tells another count for a day that has one, without a word that it corrects itself
# - f: Mira asks for new forecasts of all depots, which takes ten minutes

# %% tags=["exercise"] exercise="06.4"
verbs = ...

# %% tags=["check"]
check("06.4", verbs)

# %% [markdown]
# ## Break it (10 minutes, at home)
#
# Three clients send rows of sound types with another meaning: one sends the share of capitals divided by a hundred,
# one the account's age in hours, one has exchanged connections and words. Which client does what is decided by your
# own number. The log knows what was asked.

# %%
your_number = 9023
habits = {
    "caps_share": lambda row: row | {"caps_share": row["caps_share"] / 100},
    "account_age_days": lambda row: row | {"account_age_days": row["account_age_days"] * 24},
    "n_connections": lambda row: row | {"n_connections": row["n_words"], "n_words": row["n_connections"]},
}
drawn = np.random.default_rng(your_number).permutation(list(habits))
clients = dict(zip(("phone", "web", "partner"), drawn.tolist(), strict=True))

# %%
answered = {}
for k, (name, habit) in enumerate(clients.items()):
    rows = posts.iloc[9_000 + 300 * k : 9_300 + 300 * k][fields].to_dict("records")
    found = [
        client.post(
            "/v1/models/spam/predictions", json={"instances": [habits[habit](row)], "ids": [f"{name}-{i}"]}
        )
        for i, row in enumerate(rows)
    ]
    answered[name] = sum(one.status_code == 200 for one in found)
print({name: f"{300 - count} of 300 refused" for name, count in answered.items()})

# %% [markdown]
# Name for each client the field that gives it away: compare, field by field, how often it lies below the middle of the
# training rows. What got through lies in `asked`; `portrait` holds the training
# rows.

# %%
kept_rows = log.window("2020-01-01T00:00Z", "2100-01-01T00:00Z")
asked = kept_rows.assign(client=kept_rows["id"].str.split("-").str[0])
asked = asked[asked["client"].isin(list(clients))]
portrait = posts.iloc[:8_000][fields]
suspects = {"phone": "n_links", "web": "n_links", "partner": "n_links"}  # your findings

# %%
gives_away = {habit: (habit, "n_words") if habit == "n_connections" else (habit,) for habit in habits}
right = sum(suspects[name] in gives_away[habit] for name, habit in clients.items())
print(f"{right} of 3 named")

# %% [markdown]
# **Read.** The bounds caught a part of one client: ages in hours that no account can have. A share divided by a
# hundred is a possible share, and so is every exchanged pair in its bounds. No schema can know what a client
# *means*; only the way the values lie can give it away, field by field, client by client (`Profile`, lab 03).

# %% tags=["solution"]
middle = portrait.median()
low_at_home = (portrait < middle).mean()
low_in_log = {name: (asked.loc[asked["client"] == name, fields] < middle).mean() for name in clients}
named = {name: (share - low_at_home).abs().idxmax() for name, share in low_in_log.items()}
print(f"{sum(named[name] in gives_away[habit] for name, habit in clients.items())} of 3 named")

# %% [markdown]
# ### Exercise 06.5 (stretch, 12 minutes, at home)
#
# Write the server's half of JSON-RPC 2.0: `call(methods, letter)`, where `methods` maps names to functions and
# `letter` is a text. Return the answer as a dictionary: `{"jsonrpc": "2.0", "id": ..., "result": ...}`, or in place
# of the result `"error": {"code": ...}` (no message, to keep it short):
#
# - -32700 where the letter is no JSON (id None)
# - -32600 where it is no object, has no `method`, or its `jsonrpc` is not "2.0" (id None)
# - -32601 where there is no such method; -32602 where it does not take these `params` (a dictionary of arguments;
#   none when left out); -32603 where the method itself fails
#
# A letter without `id` is a notification: it is carried out, and nothing (None) comes back, not even an error.


# %% tags=["exercise"] exercise="06.5"
def call(methods, letter):
    """The answer to a letter in JSON-RPC 2.0."""
    ...


# %% tags=["check"]
check("06.5", call)

# %%
client.close()
server.stop()

# %% [markdown] tags=["slide"]
# ## Take away
#
# - The dangerous answer is 200: eleven days were the service's mistake as much as the app's.
# - 400: I could not read it. 422: I read it, and it cannot be judged. 409: you told me something else before.
# - Stateless means that any replica can answer, not that nothing is stored.
# - A retry is harmless with PUT; with POST it is a second order.
# - The contract is tested, or it is a rumour.
#
# **In the exam**: *specify one endpoint of your project*: path, verb, body with bounds and units, one success, two
# failures. *REST or RPC, and why?* Say who calls: strangers, or your own services.
#
# **The same in industry**: the app is FastAPI, its own description OpenAPI; typed bodies are pydantic's; RPC with
# binary bodies is gRPC with protobuf; keys, limits and logs in front of it are a gateway's (Kong, Envoy).
#
# **Read on**: RFC 9110 (HTTP), RFC 9457 (problem documents); `docs/serving.md` in this project.

# %% [markdown] tags=["solution"]
# ## For the instructor
#
# Let the room invent nonsense before you show the twenty-five; add theirs to `wrong_rows`. The stuck point is
# *idempotent*: not "the same answer", but "the same state". Ask after part 3 which letter no schema could refuse;
# the answer comes in *Break it*.
#
# Five minutes only? Part 2, then 3. Clock, with parts 1 to 4 shown by you and typed along: situation 3, parts 20,
# exercises 06.1 and 06.2 together 20, take away 2.
