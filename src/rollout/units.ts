import { z } from 'zod';

/** A point in time: milliseconds since the Unix epoch, always read from PostgreSQL's clock. */
export const Millis = z.number();
export type Millis = z.infer<typeof Millis>;

const secondsPerUnit = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const durationText = /^(?:\d+(?:\.\d+)?[smhd])+$/;
const durationPart = /(\d+(?:\.\d+)?)([smhd])/g;

/**
 * A duration that people write as seconds (`90`) or as text (`"90s"`, `"5m"`, `"1h30m"`); parses to seconds.
 * Parsing what was parsed gives the same number, so a stored plan reads back unchanged.
 */
export const Seconds = z
  .union([z.number(), z.string()], { error: 'write seconds (90) or text such as "5m" or "1h30m"' })
  .transform((written, context) => {
    const seconds = typeof written === 'number' ? written : secondsFromText(written);
    if (Number.isFinite(seconds) && seconds > 0 && seconds <= 7 * 86_400) return seconds;
    context.addIssue({
      code: 'custom',
      message: 'write seconds (90) or text such as "5m" or "1h30m", above 0 and at most 7d',
    });
    return z.NEVER;
  });

/** A ratio that people write as `"1%"` or `0.01`; parses to a number in 0..1. */
export const Ratio = z
  .union([z.number(), z.string()], { error: 'write a ratio such as 0.01 or "1%"' })
  .transform((written, context) => {
    const ratio = typeof written === 'number' ? written : ratioFromText(written);
    if (ratio >= 0 && ratio <= 1) return ratio;
    const mend =
      typeof written === 'number' && written > 1
        ? `did you mean "${written}%"?`
        : 'write a ratio such as 0.01 or "1%"';
    context.addIssue({ code: 'custom', message: `a ratio lies between 0 and 1: ${mend}` });
    return z.NEVER;
  });

/** The canary's part of the split in percent: 0..100 in steps of 0.01. */
export const Share = z
  .number({ error: 'write a percentage as a number, such as 5 or 0.25' })
  .min(0, { error: 'a weight is at least 0' })
  .max(100, { error: 'a weight is at most 100' })
  .refine((share) => Math.abs(share * 100 - Math.round(share * 100)) < 1e-9, {
    error: 'a weight moves in steps of 0.01',
  });
export type Share = z.infer<typeof Share>;

/** An RFC 1123 name: what Kubernetes accepts, and nothing that could walk up a URL path. */
export const KubernetesName = z
  .string({ error: 'write a Kubernetes name' })
  .regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, {
    error: 'a name has 1 to 63 of a-z, 0-9 and "-", and starts and ends with a letter or digit',
  });

/** An RFC 1123 subdomain: the name of an object such as a VirtualService, which may have dots but never two in a row. */
export const ObjectName = z
  .string({ error: 'write the name of a Kubernetes object' })
  .max(253, { error: 'a name has at most 253 characters' })
  .regex(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/, {
    error: 'a name has a-z, 0-9, "-" and ".", and each part starts and ends with a letter or digit',
  });

/** A label value that is safe inside a PromQL string: no quote, no backslash, no newline. */
export const LabelValue = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/, {
  error: 'a label value has 1 to 63 of A-Z, a-z, 0-9, "_", "." and "-"',
});

/**
 * What Istio's metrics call a service: the name of a Kubernetes service, or a host of a ServiceEntry, which is longer.
 * As safe inside a PromQL string as a label value.
 */
export const ServiceName = LabelValue.or(
  z.string().regex(/^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9_-]*[.])(?:[A-Za-z0-9_.-]*[A-Za-z0-9])$/, {
    error: 'a host has at most 253 of A-Z, a-z, 0-9, "_", "." and "-"',
  }),
);

/** True when two shares are the same at the precision in which shares are written (0.01). */
export function isSameShare(left: Share, right: Share): boolean {
  return Math.abs(left - right) < 0.005;
}

function secondsFromText(text: string): number {
  if (!durationText.test(text)) return Number.NaN;
  let seconds = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(durationPart)) {
    seconds += Number(amount) * (isUnit(unit) ? secondsPerUnit[unit] : Number.NaN);
  }
  return seconds;
}

function isUnit(text: string): text is keyof typeof secondsPerUnit {
  return text in secondsPerUnit;
}

function ratioFromText(text: string): number {
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  return percent?.[1] === undefined ? Number.NaN : Number(percent[1]) / 100;
}
