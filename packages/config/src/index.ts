export { ConfigError, type ConfigErrorCode, type SettingProblem } from './config-error.ts';
export {
  type DefaultedOptions,
  type DurationOptions,
  EnvReader,
  type EnvReaderOptions,
  type IntegerOptions,
  type SettingOptions,
  type TextOptions,
  type UrlOptions,
} from './env-reader.ts';
export { Secret } from './secret.ts';
