"""The fast path: requests for one connected party, relayed without a handler, a task or a stream each.

It moves bytes in another way than the ordinary path, and decides nothing by itself: who calls, who may, where
to, what an answer means and what is written down are the same functions (decision 0045). What it does not
take, and whatever is odd, goes on as the bytes came to aiohttp's own handler on the same connection.

| file | says |
|---|---|
| entrances | all connections of callers, and what takes longer than one answer |
| entrance | one of them: where a request ends, and which path it goes |
| heads | what the bytes of a head mean, as far as the fast path needs to know |
| fast_path | which requests it takes, and what it stands on |
| crossing | one of them, from there to its answer |
| outline | what two heads have in common, but for what differs from message to message |
| ways | what was decided about a request, remembered for the next one like it |
| replay | one request on a way that is known |
| errand | one whose answer waits for more than one answer: a task |
"""
