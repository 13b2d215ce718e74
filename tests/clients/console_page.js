// SPDX-License-Identifier: BSD-3-Clause
//
// The console of a server that is reached by RESP, opened in Debian's chromium by playwright-core; CHROMIUM names another.
'use strict';
const net = require('net');
const {chromium} = require('playwright-core');

const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const PATIENCE_MS = 20000;

const PORT_FIRST = 30000;
const PORT_LAST = 31999;

/** A free port of loopback, below those that the system gives to clients and beside those that with_server.py locks. */
function freePort() {
    return new Promise(found => {
        const port = PORT_FIRST + Math.floor(Math.random() * (PORT_LAST + 1 - PORT_FIRST));
        const probe = net.createServer();
        probe.on('error', () => found(freePort()));
        probe.listen(port, '127.0.0.1', () => probe.close(() => found(port)));
    });
}

/** Sends inline commands and waits for as many lines. */
function tell(port, lines) {
    return new Promise((found, fail) => {
        let text = '';
        const socket = net.connect(port, '127.0.0.1', () => socket.write(lines.map(line => line + '\r\n').join('')));
        socket.on('data', data => {
            text += data;
            if (text.split('\r\n').length > lines.length) {
                socket.end();
                found(text);
            }
        });
        socket.on('error', fail);
    });
}

/** Has the server listen for HTTP and opens its console. `prepare` gets the page, and its port, before it is loaded. */
async function openConsole(resp, options, prepare = () => {}) {
    const port = await freePort();
    await tell(resp, [`CONFIG SET http-port ${port}`]);
    const browser = await chromium.launch({executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu']});
    const page = await browser.newPage(options);
    prepare(page, port);
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(`http://localhost:${port}/`);
    return {browser, page};
}

module.exports = {PATIENCE_MS, openConsole, tell};
