import type { ApiRequest } from './request.ts';
import { invalid, type Reply } from './status.ts';

/** Query options of a write, checked as the API server checks them. */
export type WriteOptions = { dryRun: boolean; fieldValidation: 'Ignore' | 'Warn' | 'Strict' };

/** Returns the options of a write, or the 422 that names the wrong one. `kind` is `PatchOptions` and so on. */
export function readWriteOptions(request: ApiRequest, kind: string): WriteOptions | Reply {
  const fault =
    dryRunFault(request) ?? managerFault(request) ?? forceFault(request, kind) ?? validationFault(request);
  if (fault !== null) {
    return invalid({ kind, group: 'meta.k8s.io', name: '' }, [fault]);
  }
  const asked = request.query.get('fieldValidation');
  const fieldValidation = asked === 'Ignore' || asked === 'Strict' ? asked : 'Warn';
  return { dryRun: request.query.get('dryRun') === 'All', fieldValidation };
}

type Fault = { reason: string; message: string; field: string } | null;

function dryRunFault({ query }: ApiRequest): Fault {
  const asked = query.getAll('dryRun').filter((value) => value !== '');
  if (asked.every((value) => value === 'All')) return null;
  const message = `Unsupported value: ${JSON.stringify(asked)}: supported values: "All"`;
  return { reason: 'FieldValueNotSupported', message, field: 'dryRun' };
}

function managerFault({ query }: ApiRequest): Fault {
  const manager = query.get('fieldManager') ?? '';
  if (Buffer.byteLength(manager) > 128) {
    return {
      reason: 'FieldValueTooLong',
      message: 'Too long: may not be more than 128 bytes',
      field: 'fieldManager',
    };
  }
  const position = [...manager].findIndex((letter) => /\p{C}/u.test(letter));
  if (position < 0) return null;
  const code = (manager.codePointAt(position) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const message = `Invalid value: ${JSON.stringify(manager)}: invalid character U+${code} (at position ${position})`;
  return { reason: 'FieldValueInvalid', message, field: 'fieldManager' };
}

function forceFault({ query }: ApiRequest, kind: string): Fault {
  if (kind !== 'PatchOptions' || query.get('force') === null) return null;
  return {
    reason: 'FieldValueForbidden',
    message: 'Forbidden: may not be specified for non-apply patch',
    field: 'force',
  };
}

function validationFault({ query }: ApiRequest): Fault {
  const asked = query.get('fieldValidation') ?? '';
  if (['', 'Ignore', 'Strict', 'Warn'].includes(asked)) return null;
  const message = `Unsupported value: "${asked}": supported values: "", "Ignore", "Strict", "Warn"`;
  return { reason: 'FieldValueNotSupported', message, field: 'fieldValidation' };
}
