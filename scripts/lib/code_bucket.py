"""The S3 bucket for the functions' code."""

import stack


class CodeBucket:
    """The bucket from which CloudFormation reads the zip: created by scripts/deploy, or named by --bucket."""

    def __init__(self, session, options, say):
        # Each write names the expected owner: the bucket's name may exist in another account.
        self.say = say
        self.owner = session.client("sts").get_caller_identity()["Account"]
        self.region = session.region_name
        self.s3 = session.client("s3")
        self.is_own = not options.bucket
        self.name = options.bucket or f"{options.stack_name}-code-{self.owner}-{self.region}".lower()
        self.prefix = f"{options.stack_name}/"

    def exists(self):
        try:
            self.s3.head_bucket(Bucket=self.name, ExpectedBucketOwner=self.owner)
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return False
            raise
        return True

    def make(self):
        if self.exists():
            return
        if not self.is_own:
            raise stack.DeployError(f"the bucket {self.name} does not exist; create it, or omit --bucket")
        self.say(f"creating the bucket {self.name}")
        # `us-east-1` must be omitted from `LocationConstraint`.
        place = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
        self.s3.create_bucket(Bucket=self.name, **({"CreateBucketConfiguration": place} if place else {}))
        closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        self.s3.put_public_access_block(
            Bucket=self.name, PublicAccessBlockConfiguration=dict.fromkeys(closed, True), ExpectedBucketOwner=self.owner
        )

    def upload(self, code):
        key = stack.code_key(code, self.prefix)
        self.say(f"uploading {code} to s3://{self.name}/{key}")
        self.s3.put_object(Bucket=self.name, Key=key, Body=code.read_bytes(), ExpectedBucketOwner=self.owner)
        return key

    def delete_all_but(self, key):
        """Deletes all zips except the deployed one, which CloudFormation needs to roll back a later change."""
        delete_objects(self.s3, self.name, self.prefix, key, ExpectedBucketOwner=self.owner)

    def delete(self):
        if not self.exists():
            return
        self.delete_all_but(None)
        if self.is_own:
            self.say(f"deleting the bucket {self.name}")
            self.s3.delete_bucket(Bucket=self.name, ExpectedBucketOwner=self.owner)


def delete_objects(s3, bucket, prefix="", keep=None, **options):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **options)
    for key in [item["Key"] for page in pages for item in page.get("Contents", [])]:
        if key != keep:
            s3.delete_object(Bucket=bucket, Key=key, **options)
