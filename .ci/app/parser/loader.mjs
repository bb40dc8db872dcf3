// Lets HubSpot's parser ask this machine instead of HubSpot: node --import loader.mjs
import { register } from 'node:module';

register('./hooks.mjs', import.meta.url);
