import { describe, expect, it } from 'vitest';
import { qualifyHost, serviceOf } from '../../src/traffic/host.ts';

describe('a destination host', () => {
  it.each([
    ['payment', 'payment.shop.svc.cluster.local'],
    ['payment.bank', 'payment.bank.svc.cluster.local'],
    ['payment.bank.svc', 'payment.bank.svc.cluster.local'],
    ['payment.bank.svc.cluster.local', 'payment.bank.svc.cluster.local'],
    ['Payment.Bank.svc.cluster.local.', 'payment.bank.svc.cluster.local'],
    ['api.example.com', 'api.example.com'],
    ['10.0.0.1', '10.0.0.1'],
    ['*', '*'],
    ['*.local', '*.local'],
  ])('%s in the namespace shop is %s', (written, qualified) => {
    expect(qualifyHost(written, 'shop', 'cluster.local')).toBe(qualified);
  });

  it('is completed with the domain that the cluster has', () => {
    expect(qualifyHost('payment', 'shop', 'corp.example')).toBe('payment.shop.svc.corp.example');
  });

  it('names a service and its namespace', () => {
    expect(serviceOf('payment.shop.svc.cluster.local', 'cluster.local')).toEqual({
      name: 'payment',
      namespace: 'shop',
    });
  });

  it.each([
    'api.example.com',
    '*',
    'a.b.c.svc.cluster.local',
    '.shop.svc.cluster.local',
    'payment.svc.cluster.local',
  ])('%s names no service', (host) => {
    expect(serviceOf(host, 'cluster.local')).toBeNull();
  });
});
