"""What is pushed to the registry is an image in ECR, by ECR's rules."""

import hashlib

from moto.core import DEFAULT_ACCOUNT_ID
from moto.ecr.models import ecr_backends


def push(given):
    """Enters a manifest. Its tag may be there already only if it is the same manifest."""
    for ecr in ecr_backends[DEFAULT_ACCOUNT_ID].values():
        if given["repository"] in ecr.repositories:
            break
    else:
        raise ValueError(f"there is no repository {given['repository']}")
    repository, reference, manifest = ecr.repositories[given["repository"]], given["reference"], given["manifest"]
    by_digest = reference.startswith("sha256:")
    if by_digest and any(i.image_manifest == manifest for i in repository.images):
        return
    tagged = [] if by_digest else [i for i in repository.images if reference in i.image_tags]
    if tagged and repository.is_tag_immutable():
        if tagged[0].image_manifest == manifest:
            return
        raise ValueError(f"the tag {reference} is in {given['repository']} already, and tags are immutable")
    # moto makes a digest up for what is no single image.
    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    ecr.put_image(given["repository"], manifest, None if by_digest else reference, given["mediaType"], digest)
