import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf } from '../../test/support/intents.ts';
import { type Workload, type WorkloadId, workloadIdOf } from '../compile/inventory.ts';
import type { ServiceName, VersionName } from '../model/types.ts';
import { runChanges, withRunChanges } from './run-changes.ts';
import { planWaves } from './waves.ts';

