import { benchDesk } from './authz/desk.ts';
import { benchEngine } from './authz/engine.ts';
import { benchThroughEnvoy } from './authz/through-envoy.ts';

export async function run(): Promise<void> {
  benchEngine();
  await benchDesk();
  await benchThroughEnvoy();
}
