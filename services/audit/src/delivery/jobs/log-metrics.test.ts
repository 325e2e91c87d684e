import { Metrics } from '@cert-tasks/telemetry';
import { fakeClock, testLog } from '@cert-tasks/testkit';
import { expect, test } from 'vitest';
import type { LogStatus } from '../../application/ports/log-reader.ts';
import { SourceIntake } from '../../application/source-intake.ts';
import { sampleEntry, sampleReceived } from '../../testing/sample-events.ts';
import { LogMetrics } from './log-metrics.ts';

function setUp(status: () => Promise<LogStatus>) {
  const metrics = new Metrics({ processMetrics: false });
  const clock = fakeClock();
  const logged = testLog();
  return {
    metrics,
    clock,
    logged,
    logMetrics: new LogMetrics({ metrics, log: logged.log, clock, reader: { status } }),
  };
}

test('the first scrape tells the state of the log', async () => {
  const { metrics, clock } = setUp(async () => ({
    size: 12n,
    heldReason: 'a fork',
    checkpoint: { size: 9n, signedAt: new Date('2025-12-31T23:59:50Z') },
  }));
  expect(clock.now()).toEqual(new Date('2026-01-01T00:00:00Z'));
  const text = await metrics.render();
  expect(text).toMatch(/^certtasks_audit_tree_size 12$/m);
  expect(text).toMatch(/^certtasks_audit_checkpoint_size 9$/m);
  expect(text).toMatch(/^certtasks_audit_checkpoint_age_seconds 10$/m);
  expect(text).toMatch(/^certtasks_audit_checkpoint_fork 1$/m);
  expect(text).toMatch(/^certtasks_audit_conflicts_total\{source="signer",kind="event-id-reused"\} 0$/m);
});

test('a database that is away keeps no metric back', async () => {
  const { metrics, logged } = setUp(() => Promise.reject(new Error('no database')));
  expect(await metrics.render()).toContain('certtasks_audit_conflicts_total');
  expect(logged.lines.join()).toContain('could not be read for a metric');
});

test('a leader tells lags and gaps of its sources, and no one else does', async () => {
  const { metrics, clock, logMetrics } = setUp(async () => ({
    size: 0n,
    heldReason: undefined,
    checkpoint: undefined,
  }));
  const intake = new SourceIntake({
    source: 'cert',
    position: 0n,
    limits: { maxEvents: 9, maxBytes: 1_000_000 },
    clock,
    onWork: () => undefined,
    onGap: () => undefined,
  });
  void intake.push([sampleReceived({ source: 'cert', number: 3n })], new AbortController().signal);
  clock.advance(7_000);
  logMetrics.watch([intake]);
  const text = await metrics.render();
  expect(text).toMatch(/^certtasks_audit_source_lag\{source="cert"\} 3$/m);
  expect(text).toMatch(/^certtasks_audit_gap_age_seconds\{source="cert"\} 7$/m);
  logMetrics.watch([]);
  expect(await metrics.render()).not.toMatch(/^certtasks_audit_source_lag\{/m);
});

test('counts entries and conflicts, and is loud about what is an alarm', async () => {
  const { metrics, logged, logMetrics } = setUp(async () => ({
    size: 0n,
    heldReason: undefined,
    checkpoint: undefined,
  }));
  const raw = sampleEntry({ source: 'cert', number: 2n }, { project: '' });
  logMetrics.appended([sampleEntry({ source: 'cert', number: 1n }), raw]);
  logMetrics.conflicted({
    kind: 'number-reused',
    source: 'cert',
    number: 1n,
    eventId: 'x',
    index: 0n,
    offeredLeaf: new Uint8Array(33),
    offered: Uint8Array.of(1),
  });
  logMetrics.forked(new Error('refused'));
  logMetrics.forked(new Error('refused'));
  logMetrics.checkpointed({ size: 1n });
  logMetrics.checkpointed({ size: 2n });
  const text = await metrics.render();
  expect(text).toMatch(/^certtasks_audit_entries_total\{source="cert",kind="event"\} 1$/m);
  expect(text).toMatch(/^certtasks_audit_entries_total\{source="cert",kind="raw"\} 1$/m);
  expect(text).toMatch(/^certtasks_audit_conflicts_total\{source="cert",kind="number-reused"\} 1$/m);
  const lines = logged.lines.map((line) => JSON.parse(line).msg as string);
  expect(lines.filter((line) => line.includes('entered by its hash'))).toHaveLength(1);
  expect(lines.filter((line) => line.includes('another story'))).toHaveLength(1);
  expect(lines.filter((line) => line.includes('docs/adr/0009'))).toHaveLength(1);
  expect(lines.filter((line) => line.includes('held no longer'))).toHaveLength(1);
});
