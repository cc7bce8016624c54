"""What schemathesis has to be told of Tollgate to get further than 404, and a count of what was answered.

A request is changed only where it is drawn at random: links, examples and what is wrong on purpose stay as they are.
"""

import atexit
import json
import os
import re
from collections import Counter, defaultdict
from pathlib import Path

import requests
import schemathesis

POLICY = json.loads(Path(os.environ["TOLLGATE_POLICY_JSON"]).read_text())
NAMESPACE = POLICY["namespace"]

# What the hooks ask themselves, they ask as an admin.
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['TOLLGATE_API_KEY']}"

# How often which operation was called, and which statuses it has answered: in all, and along links.
calls = Counter()
answered = {"all": defaultdict(Counter), "linked": defaultdict(Counter)}


@schemathesis.serializer("application/toml", "text/toml")
def toml(_context, value):
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.hook
def before_call(_context, case, _kwargs):
    name = case.operation.definition.raw["operationId"]
    calls[name] += 1
    wait_at_most_a_moment(case)
    remove_in_earnest(case, name)
    if case.meta is None or case.meta.generation.mode.is_negative:
        return
    change = CHANGES.get(name)
    # Along links the permits are those that the links have brought, from calls that had to be granted for that.
    if change is not None and (name == "acquire" or not is_linked(case)):
        change(case, calls[name])


def is_linked(case):
    return case.meta is not None and case.meta.phase.name.value == "stateful"


def wait_at_most_a_moment(case):
    """A call may wait for an hour, and a test may not."""
    wait = case.body.get("max_wait") if isinstance(case.body, dict) else None
    if isinstance(wait, str) and re.fullmatch(r"[0-9]+(ms|s|m|h)", wait, re.ASCII):
        case.body["max_wait"] = "20ms"


def remove_in_earnest(case, name):
    """What a dry run has left where it was would be taken for something that is there after its removal."""
    if name == "deleteOverride" and is_linked(case) and case.query:
        case.query.pop("dry_run", None)


def name_a_permit(case, count):
    """Three of four requests are for a permit that there is, in each state that it can be in."""
    state = count % 4
    if state == 0:
        return
    permit = acquired(case)
    case.path_parameters["id"] = permit
    if state == 2 and case.operation.definition.raw["operationId"] != "heartbeat":
        # Over by then: 409.
        session.delete(f"{base_of(case)}/permits/{permit}", timeout=10).raise_for_status()


def observe_a_permit(case, count):
    if count % 2 and isinstance(case.body, dict) and isinstance(case.body.get("permit"), str):
        case.body["permit"] = acquired(case)


def put_what_can_be_put(case, count):
    """Most documents that the schema allows are of another namespace, or contradict themselves: those are refused. Some that can be put
    into force are needed too."""
    if isinstance(case.body, dict):
        case.body["namespace"] = NAMESPACE
        if count % 3 == 0:
            case.body = dict(POLICY)
    if count % 3 == 0:
        case.headers["If-Match"] = "*"
        case.query.pop("dry_run", None)


def follow_what_there_is(case, count):
    """What is followed from now on brings no event, and the wait for one ends with the time limit of the request: that is tried now and
    then. Else from the beginning on, where the first event is the policy."""
    if count % 8:
        for name in ("org", "limit", "kind"):
            case.query.pop(name, None)
        case.query["from"] = "0"
        case.headers.pop("Last-Event-ID", None)


def ask_for_somebody(case, count):
    """The policy counts per organisation and client: most calls that the schema allows name neither."""
    if count % 4 and isinstance(case.body, dict) and isinstance(case.body.get("call"), dict):
        # Some of them are asked for again and again, until they are refused.
        name = f"asked-{count % 4}" if count % 8 == 1 else f"asked-{count}"
        case.body["call"] |= {"org": name, "client": name}
        case.body["cost"] = 1 + count % 12
        if is_linked(case):
            case.body = {"call": {"method": "GET", "path": "/", "org": name, "client": name}}


def name_the_version_in_force(case, count):
    """A hundred are kept, of which this run has soon written more: the newest is one."""
    if count % 2:
        case.path_parameters["version"] = str(version_in_force(case))


def go_back_to_what_there_is(case, count):
    if count % 2 and isinstance(case.body, dict):
        case.body["version"] = version_in_force(case)
        case.headers["If-Match"] = "*"


def name_an_override(case, count):
    """That of the policy."""
    if count % 2:
        case.path_parameters |= {"limit": "org", "key": "acme"}
        if case.headers:
            case.headers.pop("If-Match", None)


def put_an_override(case, count):
    """Most figures that the schema allows contradict each other, or the limit."""
    name_an_override(case, count)
    if count % 2 and isinstance(case.body, dict):
        case.body = {"rate": "50/s", "burst": 1 + count, "weight": 1 + count % 1000}


def pause_what_there_is(case, count):
    """Of an organisation that nobody asks for."""
    if count % 2 and isinstance(case.body, dict):
        case.body |= {"limit": "org", "key": f"paused-{count % 10}"}


def resume_what_there_is(case, count):
    if count % 2:
        case.query |= {"limit": "org", "key": f"paused-{count % 10}"}


def make_what_can_be_made(case, count):
    """Most labels that the schema allows can be kept, and most ends that it allows are past."""
    if count % 2 and isinstance(case.body, dict):
        case.body = {"role": "viewer", "label": f"made-{count}"}


def name_a_key(case, count):
    """One that was made for it: the id of a key is not to be guessed."""
    if count % 2:
        wanted = {"role": "viewer", "label": f"to be revoked {count}"}
        answer = session.post(f"{base_of(case)}/keys", json=wanted, timeout=10)
        answer.raise_for_status()
        case.path_parameters["id"] = answer.json()["id"]


def version_in_force(case):
    answer = session.get(f"{base_of(case)}/policy", timeout=10)
    answer.raise_for_status()
    return int(answer.headers["tollgate-policy-version"])


CHANGES = {
    "acquire": ask_for_somebody,
    "settle": name_a_permit,
    "heartbeat": name_a_permit,
    "giveBack": name_a_permit,
    "observe": observe_a_permit,
    "putPolicy": put_what_can_be_put,
    "policyVersion": name_the_version_in_force,
    "rollBack": go_back_to_what_there_is,
    "getOverride": name_an_override,
    "putOverride": put_an_override,
    "deleteOverride": name_an_override,
    "pause": pause_what_there_is,
    "resume": resume_what_there_is,
    "followAudit": follow_what_there_is,
    "makeKey": make_what_can_be_made,
    "revokeKey": name_a_key,
}


CHANGE_THE_POLICY = {"putPolicy", "rollBack", "putOverride", "deleteOverride"}


def base_of(case):
    return f"{case.operation.base_url.rstrip('/')}/v1/{NAMESPACE}"


def acquired(case):
    """The permit of a call of an organisation that nobody else is."""
    acquired.count += 1
    name = f"hook-{acquired.count}"
    call = {"method": "GET", "path": "/", "org": name, "client": name}
    answer = session.post(f"{base_of(case)}/acquire", json={"call": call}, timeout=10)
    answer.raise_for_status()
    return answer.json()["permit"]


acquired.count = 0


@schemathesis.hook
def after_call(_context, case, response):
    name = case.operation.definition.raw["operationId"]
    if case.method.upper() == case.operation.method.upper():
        answered["all"][name][response.status_code] += 1
        if is_linked(case):
            answered["linked"][name][response.status_code] += 1
    # Other policies, and what was learned from an answer, would decide on all that comes later.
    is_put = name in CHANGE_THE_POLICY and "etag" in response.headers
    is_learned = name == "observe" and b'"paused"' in response.content
    if is_put or is_learned:
        answer = session.put(f"{base_of(case)}/policy", json=POLICY, headers={"if-match": "*"}, timeout=10)
        answer.raise_for_status()


@atexit.register
def tell():
    Path(os.environ["TOLLGATE_ANSWERED"]).write_text(json.dumps(answered))
