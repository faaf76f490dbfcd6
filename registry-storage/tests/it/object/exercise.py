"""What every vendor's client is asked to do. The tests start the program of a vendor (sdk.py) with the settings as its argument."""

import json
import sys

SETTINGS = json.loads(sys.argv[1])
PART = SETTINGS["part"]


def content(size, seed):
    """Returns what both sides expect to be written."""
    return (bytes(range(251)) * (size // 251 + 3))[seed : seed + size]


def key(name):
    return f"{SETTINGS['root']}/suite/sdk/{name}"


def expect(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: found {found[:100]!r}, expected {expected[:100]!r}")


def expect_listed(store, names):
    expect(sorted(store.list(key(""))), sorted(map(key, names)), "the list")


def exercise(store):
    """Has a client read what the driver wrote, write what the driver reads, and remove what it is not asked to leave."""
    large = content(2 * PART + 77, 2)
    expect(store.get(key("driver-small")), content(1000, 1), "a small object of the driver")
    expect(store.get(key("driver-small"), 10, 19), content(1000, 1)[10:20], "a range of it")
    expect(store.get(key("driver-large")), large, "a large object of the driver")
    expect(store.get(key("driver-large"), PART - 5, PART + 4), large[PART - 5 : PART + 5], "a range of it")

    store.put(key("client-small"), content(1000, 3))
    expect(store.get(key("client-small")), content(1000, 3), "a small object")
    large = content(2 * PART + 77, 4)
    store.upload(key("client-large"), large, PART)
    expect(store.get(key("client-large"), PART - 5, PART + 4), large[PART - 5 : PART + 5], "a range of a large object")
    store.copy(key("client-small"), key("client-copy"))
    expect(store.get(key("client-copy")), content(1000, 3), "a copy")

    for name in ["a", "b", "c"]:
        store.put(key(name), content(10, 5))
    ours = ["client-copy", "client-large", "client-small"]
    expect_listed(store, ours + ["a", "b", "c", "driver-large", "driver-small"])
    store.delete(key("a"))
    expect_listed(store, ours + ["b", "c", "driver-large", "driver-small"])
    store.delete_all([key("b"), key("c"), key("driver-large"), key("driver-small")])
    expect_listed(store, ours)


def pieces(body, size):
    """Cuts a body into parts, and numbers them."""
    return [(at // size + 1, body[at : at + size]) for at in range(0, len(body), size)]
