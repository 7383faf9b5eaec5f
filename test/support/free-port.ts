export { freePort } from '../../src/app/verify/free-port.ts';
