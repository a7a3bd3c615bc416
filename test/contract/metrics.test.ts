import { metricsContract } from './metrics.ts';
import { fakeWorld, prometheusWorld } from './metrics-worlds.ts';

metricsContract('the fake', fakeWorld);
metricsContract('Prometheus', prometheusWorld);
