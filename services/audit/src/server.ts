import { runService } from '@cert-tasks/host';
import { createApp } from './app.ts';
import { readConfig } from './config.ts';

await runService({ service: 'audit', env: process.env, readConfig, createApp });
