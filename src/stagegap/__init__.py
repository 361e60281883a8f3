"""stagegap: which stage of the cascade holds you back, against people?"""
