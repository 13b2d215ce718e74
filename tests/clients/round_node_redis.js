// SPDX-License-Identifier: BSD-3-Clause
// A realistic round with node-redis (package redis) in RESP2 and, where the package can, RESP3.
// Usage: round_node_redis.js PORT. Prints TAP.
'use strict';

const { createClient } = require('redis');
const { check, finish } = require('./tap.js')('node-redis');

async function round(port, protocol) {
    const client = createClient({ socket: { port, host: '127.0.0.1' }, name: 'nr', RESP: protocol });
    client.on('error', (error) => check(`RESP${protocol} connection: ${error.message}`, false));
    await client.connect();
    await client.flushAll();
    check(`RESP${protocol} set and get`, await client.set('nr:a', 'b') === 'OK' &&
        await client.get('nr:a') === 'b');
    check(`RESP${protocol} options`, await client.set('nr:a', 'c', { NX: true, EX: 100 }) === null);
    await client.mSet({ 'nr:x': '1', 'nr:y': '2' });
    check(`RESP${protocol} mget`, (await client.mGet(['nr:x', 'nr:y', 'nr:none'])).join() === '1,2,');
    check(`RESP${protocol} incr`, await client.incrBy('nr:x', 41) === 42);
    const error = await client.incr('nr:a').catch((e) => e.message);
    check(`RESP${protocol} error`, error === 'ERR value is not an integer or out of range');
    await client.setEx('nr:t', 100, 'v');
    check(`RESP${protocol} ttl`, await client.ttl('nr:t') > 90);
    await Promise.all([...Array(5000).keys()].map((i) => client.set(`nr:many:${i}`, String(i))));
    const found = new Set();
    for await (const key of client.scanIterator({ MATCH: 'nr:many:*', COUNT: 100 })) {
        (Array.isArray(key) ? key : [key]).forEach((each) => found.add(each));
    }
    check(`RESP${protocol} scan iterator finds every key`, found.size === 5000);
    check(`RESP${protocol} config`, (await client.configGet('maxmemory'))['maxmemory'] === '0');
    check(`RESP${protocol} dbsize`, await client.dbSize() > 5000);
    await client.quit();
}

async function main() {
    const port = Number(process.argv[2]);
    await round(port, 2);
    const major = Number(require('redis/package.json').version.split('.')[0]);
    if (major >= 5) await round(port, 3);
    finish();
}

main().catch((error) => { console.log(`Bail out! ${error.stack}`); process.exit(1); });
