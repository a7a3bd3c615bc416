import { isAllowed, type User } from './auth.ts';
import { type JsonObject, objectAt, textAt } from './json.ts';
import { answer, badRequest, type Reply } from './status.ts';

export const accessReviewPath = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** Answers a SelfSubjectAccessReview: may the caller do this? Only the `allowed` flag is faithful. */
export function reviewAccess(user: User, body: string): Reply {
  let review: JsonObject;
  try {
    review = JSON.parse(body);
  } catch {
    return badRequest('the object provided is unrecognized (must be of type SelfSubjectAccessReview)');
  }
  const asked = objectAt(review, 'spec', 'resourceAttributes');
  const subresource = textAt(asked, 'subresource');
  const allowed = isAllowed(user, {
    verb: textAt(asked, 'verb'),
    group: textAt(asked, 'group'),
    resource: subresource === '' ? textAt(asked, 'resource') : `${textAt(asked, 'resource')}/${subresource}`,
    namespace: textAt(asked, 'namespace'),
    name: textAt(asked, 'name'),
  });
  return answer(201, { ...review, metadata: {}, status: { allowed } });
}
