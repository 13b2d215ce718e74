// SPDX-License-Identifier: BSD-3-Clause
// Counts checks and prints them in TAP.
'use strict';

module.exports = (library) => {
    let count = 0;
    let failed = 0;
    return {
        check(name, isRight) {
            count += 1;
            if (!isRight) failed += 1;
            console.log(`${isRight ? 'ok' : 'not ok'} ${count} - ${library}: ${name}`);
        },
        finish() {
            console.log(`1..${count}`);
            process.exitCode = failed === 0 ? 0 : 1;
        },
    };
};
