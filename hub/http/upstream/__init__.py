"""The lean client for calls to platforms: HTTP/1.1 on httptools, over transports and protocols of asyncio.

| file | says |
|---|---|
| origin | which server a URL means, and which URLs may be called |
| request_head | the bytes of a request before its body |
| names, dialling | from a host to a connection: addresses, which of them may be called, TLS |
| pool | connections to one origin, at most so many, the last one used first |
| connection | one request at a time, and its time-outs |
| answer_parser | what the bytes of an answer mean, and which are none |
| answer_sink, collected, streamed | who takes an answer: whole, or piece by piece with back-pressure |
| body_source | who gives the body of a request, piece by piece with back-pressure |

Nothing is sent twice: that the platform has closed a connection is found out before a byte is written to it,
and once one was, the request is never repeated (decision 0038).
"""
