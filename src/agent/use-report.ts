import type { HostReport } from '../serve/api/wire.ts';
import type { WorkloadAgent } from './workload-agent.ts';

type Served = ReadonlyMap<string, { readonly agent: Pick<WorkloadAgent, 'traffic' | 'flows'> }>;

/** What proxies did since the last report that was heard. */
export async function useReport(served: Served): Promise<Pick<HostReport, 'traffic' | 'flows'>> {
  const all = await Promise.all(
    [...served].map(async ([workload, { agent }]) => {
      // The log that is read for the flows tells the rules of the traffic, too.
      const flows = await agent.flows?.untold();
      const traffic = await agent.traffic.untold();
      return { workload, traffic, flows };
    }),
  );
  const traffic = all.flatMap(({ workload, traffic: one }) =>
    one === undefined ? [] : [{ workload, traffic: one }],
  );
  const flows = all.flatMap(({ workload, flows: one }) =>
    one === undefined ? [] : [{ workload, flows: one }],
  );
  return {
    ...(traffic.length === 0 ? {} : { traffic }),
    ...(flows.length === 0 ? {} : { flows }),
  };
}

export function useTold(served: Served, { traffic = [], flows = [] }: HostReport): void {
  for (const one of traffic) served.get(one.workload)?.agent.traffic.told(one.traffic);
  for (const one of flows) served.get(one.workload)?.agent.flows?.told(one.flows);
}
