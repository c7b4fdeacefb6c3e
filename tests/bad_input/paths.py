"""Paths that are nobody's, cannot be decoded, or name no user; methods that a path has not."""

from tests.bad_input.row import Row

# Behind a path that exists.
ENDS = (
    "%0A", "%0a/", "/%0A", "%0D%0A", "%00", "%09", "%20", "%2F", "//", "/.", ".", ";", ";a=b", "%3F", "%23", "%C2%A0",
    "%E2%80%A8", "/x", "%25", "%EF%BB%BF",
)  # fmt: skip
# No UTF-8 in percent-encoding.
UNDECODABLE = (
    "%ff", "%FE%FF", "%80", "%", "%4", "%zz", "%u0041", "a%", "%%41", "%C3", "%C3%28", "%E6%97", "%c0%80", "%c0%af",
    "%e0%80%af", "%ed%a0%80", "%ed%bf%bf", "%f4%90%80%80", "%f8%88%80%80%80", "ann%ff", "%ffann", "ann%0A%ff",
)  # fmt: skip
# Decodable, but the name of nobody.
NO_USER = (
    "", "%00", "ann%00", "ann%0A", "%0Aann", "ann%0D", "%09", "%7F", "%C2%80", "%C2%85", "%C2%9F", "a%7Cb", "a|b",
    "x" * 256, "%F0%9F%8E%AE" * 256, "x" * 20_000,
)  # fmt: skip

PATHS = [
    Row(404, "not_found", ["path"], "GET /areas§", ENDS),
    Row(404, "not_found", ["path"], "GET /healthz§", ENDS),
    Row(404, "not_found", ["path"], "GET /stats§?area_code=111", ENDS),
    Row(404, "not_found", ["path"], "POST /events§", ENDS[:8]),
    Row(404, "not_found", ["path"], "GET /history/top§", ENDS[:8]),
    Row(404, "not_found", ["path"], "GET /users/ann/sessions§", ENDS[:8]),
    Row(404, "not_found", ["path"], "DELETE /users/ann/§", ("x", "sessions/x", "/", "%2F/", "/sessions")),
    Row(404, "not_found", ["path"], "GET /users/ann/§", ("x", "sessions/x", "/sessions", "session", "Sessions")),
    Row(404, "not_found", ["path"], "DELETE /users§", ("", "%2Fann", "%2fann/")),
    Row(404, "not_found", ["path"], "GET /§", ("nowhere", "AREAS", "..", "../areas", "%2e%2e/areas", "/areas", "%00")),
    Row(404, "not_found", ["path"], "GET /stats%2Fstream?area_code=111"),
    Row(404, "not_found", ["path"], "GET /static/§", (
        "", "nothing.js", "../server.py", "..%2fserver.py", "%2e%2e/%2e%2e/etc/passwd", "..\\server.py", "/etc/passwd",
        "vendor", "vendor/", "style.css%00", "style.css%0A", "index.html/..", "./style.css",
    )),
    Row(404, "not_found", ["path"], "OPTIONS *"),
    Row(400, "invalid_encoding", ["path"], "GET /§", UNDECODABLE),
    Row(400, "invalid_encoding", ["path"], "DELETE /users/§", UNDECODABLE),
    Row(400, "invalid_encoding", ["path"], "GET /users/§/sessions", UNDECODABLE[:6]),
    Row(400, "invalid_encoding", ["path"], "GET /static/§", UNDECODABLE[:6]),
    Row(400, "invalid_encoding", ["path"], "POST /events§", UNDECODABLE[:6]),
    Row(422, "invalid_path", ["path", "user_id"], "DELETE /users/§", NO_USER),
    Row(422, "invalid_path", ["path", "user_id"], "DELETE /users/§/", NO_USER[:8]),
    Row(422, "invalid_path", ["path", "user_id"], "GET /users/§/sessions", NO_USER),
    Row(422, "invalid_path", ["path", "user_id"], "GET /users/§/history", NO_USER),
    Row(405, "method_not_allowed", ["method"], "§ /stats?area_code=111", ("POST", "PUT", "DELETE", "PATCH", "TRACE")),
    Row(405, "method_not_allowed", ["method"], "§ /events", ("PUT", "DELETE", "PATCH", "PROPFIND", "OPTIONS")),
    Row(405, "method_not_allowed", ["method"], "§ /users/ann", ("GET", "POST", "PUT", "HEAD", "OPTIONS")),
    Row(405, "method_not_allowed", ["method"], "DELETE /users/ann/§", ("sessions", "history", "sessions/")),
    Row(405, "method_not_allowed", ["method"], "§ /generate_data", ("GET", "HEAD", "PUT")),
    Row(405, "method_not_allowed", ["method"], "POST /§", ("", "areas", "modes", "history", "history/top", "healthz",
        "readyz", "docs", "openapi.json", "static/style.css", "stats/stream", "users/ann/sessions")),
]  # fmt: skip
