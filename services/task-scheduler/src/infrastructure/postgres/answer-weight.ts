/**
 * The most that the tasks of one answer weigh together (the column `weight`), in bytes. A list of numbers takes up to
 * six times as much in protobuf as it does in JSON, and gRPC clients of any language take messages of 4 MiB without
 * being told to.
 */
export const MAX_ANSWER_WEIGHT = 655_360;
