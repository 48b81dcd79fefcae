// Package images checks the Dockerfile and compose.yaml: it builds the images for real and
// runs their containers with just what the task definitions in deploy/ecs allow them. All
// of it is in its tests.
package images
