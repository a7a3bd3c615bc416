import { alertContract } from '../contract/alert-contract.ts';
import { memoryAlerts } from '../fakes/alerts.ts';
import { start } from '../fakes/rollouts.ts';

alertContract(async () => memoryAlerts(() => start));
