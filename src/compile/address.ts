/** `Address` of Envoy, for a port of TCP. */
export function socketAddress(address: string, port: number) {
  const portSpecifier = { case: 'portValue' as const, value: port };
  return { address: { case: 'socketAddress' as const, value: { address, portSpecifier } } };
}

/** `LbEndpoint` of Envoy. */
export function endpointAt(address: string, port: number) {
  const value = { address: socketAddress(address, port) };
  return { hostIdentifier: { case: 'endpoint' as const, value } };
}
