import { benchEngine } from './authz/engine.ts';

export async function run(): Promise<void> {
  benchEngine();
}
