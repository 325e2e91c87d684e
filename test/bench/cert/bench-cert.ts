import { makeRequest } from '@cert-tasks/stack';
import { PROJECT, TestPlatform } from '../../test-platform.ts';

/** DESIGN section 9. */
const GOAL = 3000;
const IN_FLIGHT = 64;
const RUNS = 5;

/** Issuances a second from a request to a durable, audited certificate over the public listener, everything on one machine, load generator included. */
export async function benchCert({ quick }: { readonly quick: boolean }) {
  const platform = await TestPlatform.start();
  try {
    const clients = platform.clients();
    const perRun = quick ? 300 : 2000;
    const requests = Array.from(
      { length: 64 },
      (_, i) => makeRequest({ dnsNames: [`bench-${i}.example.test`] }).csrDer,
    );
    const issueAll = async (count: number, label: string): Promise<number> => {
      let left = count;
      const began = performance.now();
      const worker = async (): Promise<void> => {
        while (left-- > 0) {
          const value = requests[left % requests.length] ?? new Uint8Array();
          await clients.certificates.issueCertificate({
            parent: `projects/${PROJECT}`,
            certificationRequest: { case: 'csrDer', value },
            requestId: `${label}-${left}`,
          });
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
      return (count * 1000) / (performance.now() - began);
    };
    await issueAll(perRun, 'warm-up');
    const rates: number[] = [];
    for (let run = 0; run < RUNS; run++) rates.push(await issueAll(perRun, `run-${run}`));
    rates.sort((a, b) => a - b);
    const value = Math.round(rates[(RUNS - 1) / 2] ?? 0);
    return [
      { area: 'cert', name: `issue over Connect, ${IN_FLIGHT} in flight`, value, unit: '/s', goal: GOAL, peers: {} },
    ];
  } finally {
    await platform.stop();
  }
}
