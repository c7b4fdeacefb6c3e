import gzip

import pytest

from app.api.response import COMPRESSED_BYTES, accepts_gzip, large_json
from tests.http_client import request


@pytest.mark.parametrize(
    "accepted",
    ["gzip", "GZip", "br, gzip", "gzip;q=1", "gzip;q=1.000", "gzip ; Q=0.001", "deflate;q=1.0, gzip;q=0.5", "*",
     "*;q=0.1", "identity;q=0, *", "*;q=0, gzip", "\tgzip\t,", "gzip,,br"],
)  # fmt: skip
def test_gzip_is_accepted(accepted: str) -> None:
    assert accepts_gzip(request(headers={"Accept-Encoding": accepted}))


@pytest.mark.parametrize(
    "accepted",
    ["", "identity", "br", "gzip;q=0", "gzip; q=0.0", "gzip;q=0.000", "GZIP;Q=0", "*;q=0", "gzip;q=0, *", "br, *;q=0.0",
     "xgzip", "gzipped", "x-gzip-like", "gzip;q=nan", "gzip;q=-1", "gzip;q=2", "gzip;level=9;q=0", "q=1"],
)  # fmt: skip
def test_gzip_is_not_accepted(accepted: str) -> None:
    assert not accepts_gzip(request(headers={"Accept-Encoding": accepted}))


def test_without_the_header_nothing_is_compressed() -> None:
    assert not accepts_gzip(request())


async def test_large_json_is_compressed_for_a_client_that_accepts_it() -> None:
    large, small = b"[%b]" % (b" " * COMPRESSED_BYTES), b"[%b]" % (b" " * (COMPRESSED_BYTES - 3))
    gzipping = request(headers={"Accept-Encoding": "gzip"})
    compressed = await large_json(gzipping, large)
    assert compressed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(compressed.body)) == large
    for plain in (await large_json(request(), large), await large_json(gzipping, small)):
        assert "content-encoding" not in plain.headers
        assert plain.headers["vary"] == "Accept-Encoding", "a cache must not send one client's form to another"
    assert (await large_json(gzipping, small)).body == small
