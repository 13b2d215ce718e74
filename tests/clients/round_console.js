// SPDX-License-Identifier: BSD-3-Clause
//
// The console in a real browser: Debian's chromium, driven by playwright-core. Each part is used as a person
// would, by mouse and by keyboard, in both themes and on a phone; anything the page writes to its console, and
// any request that leaves the server, is a failure. With GYRE_SHOTS=folder it leaves pictures there.
//
// Usage: round_console.js PORT, that of RESP. Prints one line per check in TAP.
'use strict';
const net = require('net');
const path = require('path');
const {PATIENCE_MS, openConsole, tell} = require('./console_page.js');
const { check, finish } = require('./tap.js')('console');

async function shot(page, name) {
    if (process.env.GYRE_SHOTS) await page.screenshot({path: path.join(process.env.GYRE_SHOTS, name + '.png')});
}
const text = (page, selector) => page.locator(selector).innerText();
const sees = async (page, selector, wanted) => {
    try {
        await page.locator(selector, {hasText: wanted}).first().waitFor({timeout: PATIENCE_MS});
        return true;
    } catch (error) {
        return false;
    }
};

async function overview(page, resp) {
    check('the overview has figures', await sees(page, '#tiles', 'operations / s'));
    await tell(resp, Array.from({length: 200}, (_, at) => `SET shown:${at} ${at} EX 1000`));
    check('a family has operations', await sees(page, '#chart-operations .legend', 'string'));
    check('memory has purposes', await sees(page, '#chart-memory .legend', 'keyspace'));
    check('types have memory and keys', await sees(page, '#chart-types .legend', /string [1-9][^(]*\(200 keys\)/));
    check('commands take time', await sees(page, '#chart-latency .legend', /\b50 % [1-9]/));
    check('deadlines are counted', await sees(page, '#chart-expiry .legend', 'with a deadline 200'));
    check('charts say what they show', /string/.test(await page.locator('#chart-operations svg').getAttribute('aria-label')));
    await page.waitForTimeout(2500);
    await shot(page, 'overview-light');
}

async function keys(page, resp) {
    await tell(resp, ['HSET person name <b>Ada</b> born 1815', 'RPUSH queue a b c', 'ZADD board 1.5 ada 2 bob',
        'SADD tags x', 'XADD log * level info', 'SET raw "\\xff\\x00"', 'SET greeting hello EX 500']);
    await page.keyboard.press('/');
    await page.fill('#pattern', 'greet');
    await page.keyboard.press('Enter');
    check('a key is found by part of its name', await sees(page, '#key-list li', 'greeting'));
    await page.focus('#key-list');
    await page.keyboard.press('ArrowDown');
    check('the keyboard chooses it', await sees(page, '#key-view .tag', 'string'));
    check('its value is there', await page.inputValue('#key-view textarea') === 'hello');
    await page.fill('#key-view textarea', 'changed');
    const before = await page.$('#key-view textarea');
    await page.click('#key-view button:has-text("Save")');
    await sees(page, '#message', 'Saved');
    await before.waitForElementState('hidden');  // the value was read again
    check('a value is saved and keeps its deadline', /changed[^]*:(49\d|500)/.test(await tell(resp, ['GET greeting', 'TTL greeting'])));
    await tell(resp, ['SET greeting other']);
    await page.fill('#key-view textarea', 'late');
    await page.click('#key-view button:has-text("Save")');
    check('who is late is told', await sees(page, '#message', 'Somebody else'));
    check('and shown what is there', await page.inputValue('#key-view textarea') === 'other');
    await page.fill('#key-view input[aria-label="Seconds to live"]', '77');
    await page.click('#key-view button:has-text("Set")');
    await sees(page, '#message', 'deadline');
    check('a deadline is set', /:7[67]/.test(await tell(resp, ['TTL greeting'])));
    await page.fill('#pattern', '');
    await page.click('#search button');
    await sees(page, '#key-list li', 'person');
    await page.click('#key-list li:text-is("person")');
    check('a hash is a table, its bytes are text', await sees(page, '#key-view td', '<b>Ada</b>'));
    await page.click('#key-view tr:has-text("name") button:has-text("Edit")');
    await page.fill('#key-view td input', 'Grace');
    await page.keyboard.press('Enter');
    check('a field is changed', await sees(page, '#key-view td', 'Grace'));
    await shot(page, 'keys-light');
    for (const [name, cell] of [['queue', 'c'], ['board', 'bob'], ['tags', 'x'], ['log', 'level=info']]) {
        await page.click(`#key-list li:text-is("${name}")`);
        check(`${name} is shown by its type`, await sees(page, '#key-view td', cell));
    }
    await page.click('#key-list li:text-is("raw")');
    check('bytes are shown as escapes', await sees(page, '#key-view', 'no text'));
    check('all of them', await page.inputValue('#key-view textarea') === '\\xff\\x00');
    await page.click('#key-view button:has-text("Delete key")');
    await page.click('#confirm-yes');
    await page.waitForSelector('#key-list li:text-is("raw")', {state: 'detached'});
    check('a key is deleted after a question', /:0/.test(await tell(resp, ['EXISTS raw'])));
}

async function commands(page) {
    await page.keyboard.press('Alt+3');
    await page.keyboard.type('incrb');
    check('names are hinted at', /INCRBY/.test(await text(page, '#hint')));
    await page.keyboard.press('Tab');
    check('and completed', (await page.inputValue('#line')).startsWith('INCRBY'));
    await page.fill('#line', 'zadd ');
    check('words behind a name are hinted at', /score member/.test(await text(page, '#hint')));
    for (const line of ['set page "a <i>b</i>"', 'get page', 'hgetall person', 'nonsense']) {
        await page.fill('#line', line);
        await page.keyboard.press('Enter');
    }
    check('replies are shown', await sees(page, '#terminal', 'a <i>b</i>'));
    check('maps too', await sees(page, '#terminal', 'born => 1815'));
    check('errors too', await sees(page, '#terminal .error', 'unknown command'));
    await page.focus('#line');
    await page.keyboard.press('ArrowUp');
    check('what was typed comes back', await page.inputValue('#line') === 'nonsense');
    await shot(page, 'commands-light');
}

async function channels(page, resp) {
    await page.click('#tab-channels');
    await page.fill('#channel', 'news.*');
    await page.keyboard.press('Enter');
    await page.fill('#channel', 'plain');
    await page.keyboard.press('Enter');
    check('the server knows of the listener', await sees(page, '#channel-list', 'plain'));
    await tell(resp, ['PUBLISH news.today "<script>x</script>"']);
    check('messages come live, as text', await sees(page, '#messages td', '<script>x</script>'));
    await page.fill('#publish-channel', 'plain');
    await page.fill('#publish-message', 'from here');
    await page.keyboard.press('Enter');
    check('and from this page', await sees(page, '#messages td', 'from here'));
    await shot(page, 'channels-light');
    await page.click('#listening button:has-text("plain")');
    let left = '';
    for (let look = 0; look < 100 && !/:0/.test(left); ++look) {
        left = (await tell(resp, ['PUBLISH plain x'])).trim();
        await page.waitForTimeout(50);
    }
    check('who unsubscribes is gone', /:0/.test(left));
}

async function lists(page, resp) {
    await tell(resp, ['CONFIG SET slowlog-log-slower-than 0', 'SET slow entry', 'CONFIG SET slowlog-log-slower-than 10000']);
    await page.click('#tab-slow');
    check('slow commands are listed', await sees(page, '#slow-list td', 'SET slow entry'));
    await shot(page, 'slow-light');
    const socket = net.connect(resp, '127.0.0.1').resume();
    socket.write('CLIENT SETNAME victim\r\n');
    await page.click('#tab-clients');
    check('clients are listed', await sees(page, '#client-list td', 'victim'));
    await shot(page, 'clients-light');
    const closed = new Promise(gone => socket.on('close', gone));
    await page.click('#client-list tr:has-text("victim") button');
    await page.click('#confirm-yes');
    await closed;
    check('and closed after a question', true);
}

async function themes(page) {
    await page.click('#tab-overview');
    await page.click('#theme');
    check('there is a dark theme', await page.evaluate(() => document.documentElement.dataset.theme) === 'dark');
    for (const type of ['hash', 'list', 'zset', 'set', 'stream']) {
        check(`${type} has memory of its own`, await sees(page, '#chart-types .legend', new RegExp(`\\b${type} [1-9][^(]*\\(1 key\\)`)));
    }
    await page.waitForTimeout(2500);
    await shot(page, 'overview-dark');
    await page.click('#tab-keys');
    await page.click('#key-list li:text-is("person")');
    await sees(page, '#key-view td', 'Grace');
    await shot(page, 'keys-dark');
    await page.setViewportSize({width: 390, height: 844});
    for (const tab of ['overview', 'keys', 'commands', 'channels', 'slow', 'clients']) {
        await page.click('#tab-' + tab);
        const isWide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
        check(`${tab} fits a phone`, !isWide);
        await shot(page, `phone-${tab}`);
    }
    await page.focus('#tab-clients');
    await page.keyboard.press('ArrowRight');
    check('arrows go through the tabs', await page.evaluate(() => document.activeElement.id) === 'tab-overview');
}

async function main() {
    const resp = Number(process.argv[2]);
    const faults = [], foreign = [];
    const {browser, page} = await openConsole(resp, {viewport: {width: 1280, height: 860}, colorScheme: 'light'}, (opened, port) => {
        opened.on('console', message => { if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text()); });
        opened.on('pageerror', error => faults.push(String(error)));
        opened.on('request', request => { if (!request.url().startsWith(`http://localhost:${port}/`) && !request.url().startsWith('data:')) foreign.push(request.url()); });
    });
    for (const part of [overview, keys, commands, channels, lists, themes]) await part(page, resp);
    // What the tests ask for on purpose: a condition that does not hold, an unknown command.
    const others = faults.filter(fault => !/status of (400|412)/.test(fault));
    check('the browser has nothing to say: ' + others.join(' | '), others.length === 0);
    check('nothing comes from elsewhere: ' + foreign.join(' '), foreign.length === 0);
    await browser.close();
    finish();
}
main().catch(error => {
    console.log('Bail out! ' + error.stack);
    process.exit(1);
});
