import { type HttpClient, httpClient } from './http-client.ts';
import { type App, json, jsonBody, type RunningApp, runApp, serve } from './lib.ts';

/** Sums up charges. It may read them and not make any, as its corrections show. */

export function reportsApp(http: HttpClient): App {
  return {
    name: 'reports',
    version: 'v1',
    routes: {
      'GET /v1/summary': async (request) => {
        const { context } = request;
        const read = { service: 'payments', method: 'GET', path: '/v1/charges', context } as const;
        const answer = await http.call(read);
        const charges = Array.isArray(answer['charges']) ? answer['charges'] : [];
        return json(200, { ...summaryOf(charges), readFrom: answer['servedBy'] });
      },
      // What a well-meant shortcut looks like: the mesh refuses it, whatever the code says.
      'POST /v1/corrections': async (request) => {
        const { context } = request;
        const body = { card: 'good', ...jsonBody(request) };
        const write = {
          service: 'payments',
          method: 'POST',
          path: '/v1/charges',
          context,
        } as const;
        return json(201, await http.call({ ...write, body }));
      },
    },
  };
}

interface Sum {
  readonly charges: number;
  readonly cents: number;
}

function summaryOf(charges: readonly unknown[]): Sum & { readonly byVersion: object } {
  const byVersion = new Map<string, Sum>();
  let total: Sum = { charges: 0, cents: 0 };
  for (const charge of charges) {
    const { cents, chargedBy } = { ...(charge as Readonly<Record<string, unknown>>) };
    const version = String(chargedBy);
    byVersion.set(version, plus(byVersion.get(version), Number(cents)));
    total = plus(total, Number(cents));
  }
  return { ...total, byVersion: Object.fromEntries(byVersion) };
}

function plus(sum: Sum | undefined, cents: number): Sum {
  return { charges: (sum?.charges ?? 0) + 1, cents: (sum?.cents ?? 0) + cents };
}

function startReports(port: number): Promise<RunningApp> {
  return serve(reportsApp(httpClient()), port);
}

if (import.meta.main) await runApp('reports', startReports, 8085);
