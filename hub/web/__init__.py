"""The aiohttp glue: routes, middlewares, conversion."""
