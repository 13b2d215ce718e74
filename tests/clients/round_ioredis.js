// SPDX-License-Identifier: BSD-3-Clause
// A realistic round with ioredis: connect with its ready check, pipelines, expiry, scan streams, errors.
// Usage: round_ioredis.js PORT. Prints TAP.
'use strict';

const Redis = require('ioredis');
const { check, finish } = require('./tap.js')('ioredis');

async function strings(redis) {
    check('set and get', await redis.set('io:a', 'b') === 'OK' && await redis.get('io:a') === 'b');
    const bytes = Buffer.from([0, 13, 10, 255]);
    await redis.set('io:bytes', bytes);
    check('binary', bytes.equals(await redis.getBuffer('io:bytes')));
    check('set with ex and nx', await redis.set('io:a', 'c', 'EX', 100, 'NX') === null);
    check('mset, mget', await redis.mset({ 'io:x': '1', 'io:y': '2' }) === 'OK' &&
        (await redis.mget('io:x', 'io:y', 'io:none')).join() === '1,2,');
    check('incr', await redis.incr('io:x') === 2);
    check('wrong number', await redis.incr('io:a').catch((e) => e.message) ===
        'ERR value is not an integer or out of range');
}

async function expiry(redis) {
    await redis.setex('io:t', 100, 'v');
    check('ttl', await redis.ttl('io:t') > 90);
    check('persist', await redis.persist('io:t') === 1 && await redis.ttl('io:t') === -1);
}

async function pipelines(redis) {
    const pipeline = redis.pipeline();
    for (let i = 0; i < 5000; ++i) pipeline.set(`io:many:${i}`, i);
    pipeline.incr('io:a');
    const replies = await pipeline.exec();
    check('pipeline of 5000', replies.slice(0, 5000).every(([error, reply]) => !error && reply === 'OK'));
    check('error in a pipeline', replies[5000][0] instanceof Error);
    const found = new Set();
    for await (const page of redis.scanStream({ match: 'io:many:*', count: 100 })) {
        page.forEach((key) => found.add(key));
    }
    check('scan stream finds every key', found.size === 5000);
    const many = await Promise.all([...Array(1000).keys()].map((i) => redis.get(`io:many:${i}`)));
    check('a thousand at once', many.every((value, i) => value === String(i)));
}

async function main() {
    const redis = new Redis({ port: Number(process.argv[2]), connectionName: 'io', maxRetriesPerRequest: 2 });
    await redis.flushall();
    await strings(redis);
    await expiry(redis);
    await pipelines(redis);
    check('connection name', await redis.client('GETNAME') === 'io');
    check('info', (await redis.info('server')).includes('redis_version:'));
    const other = redis.duplicate({ db: 3 });
    await other.set('io:only', '1');
    check('another database', await redis.exists('io:only') === 0 && await other.dbsize() === 1);
    await other.quit();
    check('quit', await redis.quit() === 'OK');
    finish();
}

main().catch((error) => { console.log(`Bail out! ${error.stack}`); process.exit(1); });
