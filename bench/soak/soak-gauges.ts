import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { RunningMesh } from '../../test/support/running-mesh.ts';

/** What must not grow with time. */
export interface Gauges {
  readonly serverRssMb: number;
  readonly agentRssMb: number;
  readonly upRssMb: number;
  readonly serverDescriptors: number;
  readonly agentDescriptors: number;
  readonly upDescriptors: number;
  readonly ledgerRows: number;
  readonly documentRows: number;
  readonly resourceRows: number;
  /** In the folder for temporary files that only this mesh has. */
  readonly temporaryFiles: number;
  readonly processes: number;
}

export function gaugesOf(mesh: RunningMesh, temporary: string): Gauges {
  const server = mesh.pidOf('chancery.js server');
  const agent = mesh.pidOf('chancery.js agent');
  const rows = rowsOf(mesh.layout.database);
  return {
    serverRssMb: rssMbOf(server),
    agentRssMb: rssMbOf(agent),
    upRssMb: rssMbOf(mesh.pid),
    serverDescriptors: descriptorsOf(server),
    agentDescriptors: descriptorsOf(agent),
    upDescriptors: descriptorsOf(mesh.pid),
    ledgerRows: rows('ledger'),
    documentRows: rows('documents'),
    resourceRows: rows('resources'),
    temporaryFiles: readdirSync(temporary, { recursive: true }).length,
    processes: childrenOf(mesh.pid),
  };
}

function rssMbOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) / 1_024;
}

function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function childrenOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? 0 : text.split(' ').length;
}

function rowsOf(database: string): (table: 'ledger' | 'documents' | 'resources') => number {
  return (table) => {
    const db = new DatabaseSync(database, { readOnly: true });
    try {
      const row = db.prepare(`SELECT COUNT(*) AS count FROM ${table}`).get();
      return Number(row?.['count']);
    } finally {
      db.close();
    }
  };
}
