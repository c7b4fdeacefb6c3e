"""What is no HTTP: whole requests, as they go over the wire. They are refused before the service sees them."""

GET = b"GET /areas HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /events HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

WIRE = [
    b"\x00" * 64,
    b"\xff" * 64,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.9\r\n",
    b"hello\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /areas HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /areas HTTP/1.1.1\r\nHost: x\r\n\r\n",
    b"GET /areas FTP/1.1\r\nHost: x\r\n\r\n",
    b"get /areas HTTP/1.1\r\nHost: x\r\n\r\n",
    b"BREW /areas HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET\t/areas HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET areas HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET ?area_code=111 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET ftp:areas HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    *(
        b"GET /areas%b HTTP/1.1\r\nHost: x\r\n\r\n" % c
        for c in (b"\x00", b"\t", b"\x01", b"\x7f", b"\x80", b"\xe6\x97\xa5")
    ),
    *(
        b"GET /stats?area_code=1%b HTTP/1.1\r\nHost: x\r\n\r\n" % c
        for c in (b"\x00", b"\x01", b"\x7f", b"\xe6\x97\xa5", b" 2")
    ),
    b"GET /stats?area_code=%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"1" * 70_000),
    GET + b"no colon\r\n\r\n",
    GET + b": empty name\r\n\r\n",
    GET + b"name : space\r\n\r\n",
    GET + b"na me: space\r\n\r\n",
    GET + b"na\x00me: x\r\n\r\n",
    GET + b"n\xc3\xa4me: x\r\n\r\n",
    GET + b"name: nul\x00\r\n\r\n",
    GET + b"name: x\n folded\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: +2\r\n\r\n[]",
    POST + b"Content-Length: 0x2\r\n\r\n[]",
    POST + b"Content-Length: 2.0\r\n\r\n[]",
    POST + b"Content-Length: two\r\n\r\n[]",
    POST + b"Content-Length: \r\n\r\n[]",
    POST + b"Content-Length: 2, 2\r\n\r\n[]",
    POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]",
    POST + b"Content-Length: 18446744073709551616\r\n\r\n[]",
    POST + b"Content-Length: %b\r\n\r\n[]" % (b"9" * 5000),
    POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked, identity\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: xchunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    CHUNKED + b"x\r\n",
    CHUNKED + b"-2\r\n[]\r\n0\r\n\r\n",
    CHUNKED + b"0x2\r\n[]\r\n0\r\n\r\n",
    CHUNKED + b"2 \r\n[]x\r\n0\r\n\r\n",
    CHUNKED + b"2\r\n[]]\r\n0\r\n\r\n",
    CHUNKED + b"FFFFFFFFFFFFFFFFF\r\n[]\r\n0\r\n\r\n",
]
