// SPDX-License-Identifier: BSD-3-Clause
//
// Makes the picture of the console that README.md shows: a shop's worth of data of every type, a minute and more of
// mixed commands whose rate rises and falls, sessions that expire all the while, and then one screenshot.
//
//     tests/clients/with_server.py node tests/clients/picture_console.js docs/pictures/console.png
//
// with GYRE_SERVER naming the server, NODE_PATH where playwright-core is. Usage: picture_console.js FILE PORT, that of RESP.
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');
const {openConsole} = require('./console_page.js');

const SECONDS = 66;        // the charts show the last sixty
const TURN_MS = 50;
const BYTES_MAX = 250000;  // of the picture: it is kept in the repository
const USERS = 20000, PRODUCTS = 4000, QUEUES = 200, BOARDS = 20;

let state = 20261122;
/** A number below `bound`, the same in each run. */
function below(bound) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 4294967296 * bound);
}
/** Small numbers are drawn more often, as popular things are. */
const popular = bound => Math.floor(bound * (below(1000) / 1000) ** 3);
const words = 'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor'.split(' ');
const text = count => Array.from({length: count}, () => words[below(words.length)]).join(' ');

/** Sends commands and drops the replies. */
class Client {
    constructor(port) {
        this.socket = net.connect(port, '127.0.0.1');
        this.socket.on('data', () => {});
        this.socket.on('error', error => { throw error; });
    }
    send(commands) {
        const bulk = word => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`;
        this.socket.write(commands.map(command => `*${command.length}\r\n${command.map(bulk).join('')}`).join(''));
    }
    end() { return new Promise(done => this.socket.end(done)); }
}

function data() {
    const commands = [];
    for (let user = 0; user < USERS; ++user) {
        commands.push(['HSET', `user:${user}`, 'name', text(2), 'mail', `${user}@example.org`, 'visits', below(100)]);
    }
    for (let product = 0; product < PRODUCTS; ++product) {
        commands.push(['SET', `product:${product}`, text(20 + below(60))], ['SADD', `tags:${product % 300}`, product, below(PRODUCTS)]);
    }
    for (let board = 0; board < BOARDS; ++board) {
        const members = Array.from({length: 800}, () => [below(100000), `user:${below(USERS)}`]).flat();
        commands.push(['ZADD', `board:${board}`, ...members]);
    }
    for (let queue = 0; queue < QUEUES; ++queue) commands.push(['RPUSH', `queue:${queue}`, ...Array.from({length: 40}, () => text(4))]);
    return commands;
}

/** What people do in the shop, by how often they do it. */
const actions = [
    [30, () => ['GET', `product:${popular(PRODUCTS)}`]],
    [14, () => ['GET', `session:${below(30000)}`]],
    [10, () => ['SET', `session:${below(30000)}`, text(8), 'PX', 2000 + below(25000)]],
    [16, () => ['HGETALL', `user:${popular(USERS)}`]],
    [4, () => ['HINCRBY', `user:${popular(USERS)}`, 'visits', 1]],
    [8, () => ['ZINCRBY', `board:${below(BOARDS)}`, below(50), `user:${popular(USERS)}`]],
    [4, () => ['ZRANGE', `board:${below(BOARDS)}`, 0, 9, 'REV', 'WITHSCORES']],
    [4, () => ['RPUSH', `queue:${below(QUEUES)}`, text(4)]],
    [4, () => ['LPOP', `queue:${below(QUEUES)}`]],
    [3, () => ['SMEMBERS', `tags:${below(300)}`]],
    [2, () => ['XADD', `events:${below(4)}`, 'MAXLEN', '~', '20000', '*', 'what', words[below(words.length)], 'user', below(USERS)]],
    [1, () => ['EXPIRE', `product:${below(PRODUCTS)}`, 3600]],
];
const total = actions.reduce((sum, [weight]) => sum + weight, 0);
function action() {
    let lot = below(total);
    for (const [weight, make] of actions) if ((lot -= weight) < 0) return make();
    throw new Error('no action of this lot');
}

/** Commands a second: more by day than by night, and a crowd now and then. */
function rate(second) {
    const crowd = Math.exp(-(((second - 45) / 4) ** 2));
    return 6000 + 2500 * Math.sin(second / 9) + 6000 * crowd + below(600);
}

async function main() {
    const [file, port] = [process.argv[2], Number(process.argv[3])];
    const filler = new Client(port);
    filler.send(data());
    const {browser, page} = await openConsole(port, {viewport: {width: 1280, height: 810}, deviceScaleFactor: 1.5, colorScheme: 'light'});
    const clients = Array.from({length: 24}, () => new Client(port));
    const begin = Date.now();
    for (let sent = 0, due = 0; ; await new Promise(done => setTimeout(done, TURN_MS))) {
        const second = (Date.now() - begin) / 1000;
        if (second > SECONDS) break;
        // As many as the time that has passed asks for, however late this turn is.
        while (due < second) { sent -= rate(due) * TURN_MS / 1000; due += TURN_MS / 1000; }
        for (; sent < 0; sent += 20) clients[below(clients.length)].send(Array.from({length: 20}, action));
    }
    fs.mkdirSync(path.dirname(file), {recursive: true});
    await page.screenshot({path: file});
    await browser.close();
    for (const client of [filler, ...clients]) await client.end();
    const {size} = fs.statSync(file);
    console.log(`${file}: ${size} bytes`);
    if (size > BYTES_MAX) throw new Error(`the picture has more than ${BYTES_MAX} bytes`);
}
main().catch(error => {
    console.error(error.stack);
    process.exit(1);
});
