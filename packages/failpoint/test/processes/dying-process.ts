import { writeSync } from 'node:fs';
import { armFailpoint, FAILPOINT_VARIABLE, failpoint } from '../../src/index.ts';

process.on('exit', () => writeSync(1, 'exit handler;'));
armFailpoint({ name: process.env[FAILPOINT_VARIABLE], nodeEnv: process.env['NODE_ENV'] });
failpoint('cert.issue.before-intent');
writeSync(1, 'one step;');
failpoint('cert.issue.after-intent');
writeSync(1, 'next step;');
