-- Which route a scheduled rollout moves is read from the mesh when its turn comes, unless the request named it.
ALTER TABLE rollout ALTER COLUMN route DROP NOT NULL;
