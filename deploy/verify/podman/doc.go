// Package podman builds images and runs containers for checks of what is deployed, with
// podman, buildah and runc.
//
// An [Engine] has its storage, network, locks and configuration in a folder of its own, so
// that nothing outside of it is seen or touched, and nothing is left when it is closed.
// No registry is asked: [Engine.GoImage] makes the base of builds from what is installed.
//
// A [Spec] says how a container runs; [SpecOf] takes one from a task definition of ECS.
package podman
