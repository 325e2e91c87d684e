export * from './gen/certtasks/event/v1/event_feed_service_pb.js';
export * from './gen/certtasks/event/v1/event_pb.js';
